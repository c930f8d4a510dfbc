import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Reading {
  /// Queries see other keys, at the probabilities and where masked scores are recorded as −∞.
  static let windows: [Reading] = [
    Reading("mask.other-window", .mask, at: weighing) { site, got in
      guard let own = site.visibility, own.isCausal,
        let read = window(read: got, isScore: site.operation.kind.payload is AttentionScores),
        read != own.window ?? .max
      else { return [] }
      let due = own.window.map(String.init) ?? "all"
      let seen = read == 1 ? "1 key" : "\(read) keys"
      return [
        Guess("a query sees the last \(seen) instead of \(due)") { site in
          site.seeing { $0 <= $1 && $1 - $0 < read }
        }
      ]
    },
    Reading("mask.window-by-position", .mask, at: weighing) { site, _ in
      guard let window = site.visibility?.window else { return [] }
      let positions = site.inputs.positionIDs
      return [
        Guess("windows are counted in positions instead of in tokens") { site in
          site.seeing { $0 <= $1 && positions[$1] - positions[$0] < window }
        }
      ]
    },
    Reading("mask.other-visibility", .mask, at: .of(AttentionScores.self)) { _, _ in
      AttentionProbabilities.visibilities.map { other in
        Guess(other.name) { site in site.seeing(other.isVisible) }
      }
    },
  ]

  private static let weighing = Place.of(AttentionProbabilities.self).union(.of(AttentionScores.self))

  /// How far back any query sees; nil where one sees ahead, or none anything.
  private static func window(read got: Tensor<Double>, isScore: Bool) -> Int? {
    guard got.shape.count == 3, got.shape[1] == got.shape[2] else { return nil }
    let tokens = got.shape[1]
    var window = 0
    for row in 0..<got.rowCount {
      for key in 0..<tokens where isScore ? got[row, key].isFinite : got[row, key] > 0 {
        guard key <= row % tokens else { if isScore { continue } else { return nil } }
        window = max(window, row % tokens - key + 1)
      }
    }
    return window > 0 ? window : nil
  }
}

extension FaultSite {
  /// Which keys a query sees here.
  fileprivate var visibility: Visibility? {
    (operation.kind.payload as? AttentionProbabilities)?.visibility
      ?? (operation.kind.payload as? AttentionScores)?.visibility
  }

  /// The operation's value where a query sees other keys, told by key and query.
  fileprivate func seeing(_ isVisible: (Int, Int) -> Bool) -> Tensor<Double>? {
    guard operation.kind.payload is AttentionScores else { return probabilities(isVisible) }
    let tokens = inputs.count
    return edited { scores in
      for offset in scores.values.indices where !isVisible(offset % tokens, offset / tokens % tokens) {
        scores.values[offset] = -.infinity
      }
    }
  }
}
