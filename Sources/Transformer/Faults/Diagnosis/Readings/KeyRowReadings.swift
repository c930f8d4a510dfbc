import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// Rows of keys, queries or values that are others than those recorded: a cache that was moved, is stale or not written.
  static let keyRows: [Reading] = [
    Reading("attention.other-keys", .cache, of: AttentionScores.self) { _, site, got in
      guard let rows = ScoreRows(site, got, ofKeys: true), let read = rows.sources else { return [] }
      return [rows.guess(read)]
    },
    Reading("attention.other-queries", .cache, of: AttentionScores.self) { _, site, got in
      guard let rows = ScoreRows(site, got, ofKeys: false), let read = rows.sources,
        !read.sources.ofHeads.contains(where: { $0.contains(.other) })
      else { return [] }
      return [rows.guess(read)]
    },
    Reading("attention.other-values", .cache, of: AttentionContext.self) { own, site, got in
      guard own.visibility.isCausal, let read = site.valueRows(got, own.visibility) else { return [] }
      let (sources, others) = (read.sources, read.others)
      let name = sources.inWords(.named("value"))
      let otherCount = sources.ofHeads.flatMap { $0 }.count { $0 == .other }
      return [
        Guess(name, numbers: otherCount * site.activations[1].rowWidth) { site in
          site.evaluated(changing: 1) { $0 = sources.applied(to: $0, others: others) }
        }
      ]
    },
  ]
}

/// Which rows of keys, or of queries, recorded scores were made of.
private struct ScoreRows {
  private let site: FaultSite
  private let got: Tensor<Double>
  private let scale: Double
  private let ofKeys: Bool
  private let tokens: Int
  private let heads: Int
  private let shared: Int
  private let due: [Bool]
  private let right: Tensor<Double>
  private var index: Int { ofKeys ? 1 : 0 }

  init?(_ site: FaultSite, _ got: Tensor<Double>, ofKeys: Bool) {
    guard let own = site.operation.kind.payload as? AttentionScores, own.scale != 0 else { return nil }
    self.site = site
    self.got = got
    self.ofKeys = ofKeys
    scale = own.scale
    tokens = site.inputs.count
    heads = site.activations[0].shape[0]
    shared = site.activations[1].shape[0]
    due = site.dueKeys(own.visibility)
    right = site.evaluated()
  }

  /// The scores that one row has a part in: what it is compared with, and the score without its bias.
  private func equations(_ head: Int, _ token: Int) -> [(
    other: ArraySlice<Double>, score: Double, tolerance: Double
  )] {
    let group = ofKeys ? head * heads / shared..<(head + 1) * heads / shared : head..<head + 1
    let bias = site.activations.dropFirst(2).first
    return group.flatMap { queryHead in
      (0..<tokens).compactMap { other -> (ArraySlice<Double>, Double, Double)? in
        let (query, key) = ofKeys ? (other, token) : (token, other)
        guard due[query * tokens + key] else { return nil }
        let keyHead = queryHead * shared / heads
        let (q, k) = (
          site.activations[0].row(queryHead * tokens + query), site.activations[1].row(keyHead * tokens + key)
        )
        let score = got[queryHead, query, key] - (bias?[queryHead, query, key] ?? 0)
        let lengths = (q.reduce(0) { $0 + $1 * $1 } * k.reduce(0) { $0 + $1 * $1 }).squareRoot()
        return (ofKeys ? q : k, score / scale, 3e-6 * lengths + 1e-6 * abs(score / scale))
      }
    }
  }

  private func isWrong(_ head: Int, _ token: Int) -> Bool {
    equations(head, token).isEmpty
      ? false : !agrees(site.activations[index].row(head * tokens + token), equations(head, token))
  }

  private func agrees(
    _ row: ArraySlice<Double>, _ equations: [(other: ArraySlice<Double>, score: Double, tolerance: Double)]
  ) -> Bool {
    equations.allSatisfy { other, score, tolerance in
      var sum = 0.0
      for (a, b) in zip(row, other) { sum += a * b }
      return abs(sum - score) <= tolerance
    }
  }

  /// What was read of rows, with those that are none of the recorded.
  struct Read {
    let sources: RowSources
    let others: Tensor<Double>
    let otherCount: Int
  }

  /// nil where every row is right, or one is none that could be solved for.
  var sources: Read? {
    let own = site.activations[index]
    let width = own.rowWidth
    var others = own
    var otherCount = 0
    var ofHeads: [[RowSources.Source]] = []
    let wrongRows = (0..<own.shape[0]).map { head in (0..<tokens).map { isWrong(head, $0) } }
    guard wrongRows.contains(where: { $0.contains(true) }) else { return nil }
    for head in 0..<own.shape[0] {
      var row: [RowSources.Source] = []
      for token in 0..<tokens {
        guard wrongRows[head][token] else {
          row.append(.row(token))
          continue
        }
        let equations = equations(head, token)
        if equations.allSatisfy({ $0.score == 0 }) {
          row.append(.zero)
        } else if agrees(own.row(head * tokens + token).map { -$0 }[...], equations) {
          row.append(.negative)
        } else if let from = nearest(token).first(where: { agrees(own.row(head * tokens + $0), equations) }) {
          row.append(.row(from))
        } else if equations.count >= 2 * width, let solved = Self.solved(equations, width) {
          for (column, value) in solved.enumerated() { others[head * tokens + token, column] = value }
          otherCount += 1
          row.append(.other)
        } else {
          return nil
        }
      }
      ofHeads.append(row)
    }
    // As few equations as one by itself are explained by some row or other.
    if ofHeads.count > 1, Set(ofHeads).count > 1 {
      for (head, row) in ofHeads.enumerated() {
        for (token, source) in row.enumerated() where source != .row(token) {
          guard equations(head, token).count > 2 else { return nil }
        }
      }
    }
    return Read(sources: RowSources(ofHeads: ofHeads), others: others, otherCount: otherCount)
  }

  /// Tokens, those beside one first.
  private func nearest(_ token: Int) -> [Int] {
    (0..<tokens).filter { $0 != token }.sorted { abs($0 - token) < abs($1 - token) }
  }

  /// The row that explains scores best.
  private static func solved(
    _ equations: [(other: ArraySlice<Double>, score: Double, tolerance: Double)], _ width: Int
  ) -> [Double]? {
    var system = LeastSquares(width)
    for (other, score, _) in equations { system.add(Array(other), score) }
    return system.solution
  }

  func guess(_ read: Read) -> Reading.Guess {
    let index = index
    let found = read.otherCount > 0 ? known(read) : nil
    let (sources, others) = (read.sources, found?.tensor ?? read.others)
    let sentence = sources.inWords(.named(ofKeys ? "key" : "query"))
    return Reading.Guess(
      (found.map { sentence.replacing("is another", with: $0.words) } ?? sentence)
        + "; the scores of all others are right",
      numbers: found == nil ? read.otherCount * others.rowWidth : 0
    ) { site in
      site.evaluated(changing: index) { $0 = sources.applied(to: $0, others: others) }
    }
  }

  /// A recorded activation of the same name in another block that holds the rows that were solved for.
  private func known(_ read: Read) -> (words: String, tensor: Tensor<Double>)? {
    let own = site.operation.inputs[index]
    let places = read.sources.ofHeads.enumerated().flatMap { head, row in
      row.indices.filter { row[$0] == .other }.map { (head, $0) }
    }
    guard let first = places.first, places.allSatisfy({ $0.1 == first.1 }) else { return nil }
    for other in site.graph.operations.map(\.output) where other.name == own.name && other != own {
      guard let tensor = site.activation(other), tensor.shape == read.others.shape else { continue }
      for from in 0..<tokens {
        let isHere = places.allSatisfy { head, token in
          let (a, b) = (read.others.row(head * tokens + token), tensor.row(head * tokens + from))
          let scale = b.reduce(0) { $0 + $1 * $1 }.squareRoot()
          return zip(a, b).allSatisfy { abs($0 - $1) <= 1e-2 * scale }
        }
        guard isHere else { continue }
        var moved = read.others
        for (head, token) in places {
          for column in 0..<moved.rowWidth {
            moved[head * tokens + token, column] = tensor[head * tokens + from, column]
          }
        }
        return ("is row \(from) of \(other)", moved)
      }
    }
    return nil
  }
}

extension FaultSite {
  /// Which rows of values a context was made of, one after the other: each is the last that its own query sees.
  fileprivate func valueRows(
    _ got: Tensor<Double>, _ visibility: Visibility
  ) -> (sources: RowSources, others: Tensor<Double>)? {
    let (weights, values) = (activations[0], activations[1])
    let (heads, shared, tokens, width) = (weights.shape[0], values.shape[0], inputs.count, values.rowWidth)
    let right = evaluated()
    var moved = values
    var isChanged = [Bool](repeating: false, count: shared * tokens)
    let scale = values.values.reduce(0) { max($0, abs($1)) }
    for sharedHead in 0..<shared {
      let head = sharedHead * heads / shared
      var changed: [Int] = []
      for token in 0..<tokens where inputs.isVisible(key: token, from: token, under: visibility) {
        var rest = (0..<width).map { got[token, head * width + $0] - right[token, head * width + $0] }
        for key in changed where inputs.isVisible(key: key, from: token, under: visibility) {
          let weight = weights[head, token, key]
          for column in 0..<width {
            rest[column] -= weight * (moved[sharedHead, key, column] - values[sharedHead, key, column])
          }
        }
        let own = weights[head, token, token]
        guard rest.contains(where: { !(abs($0) <= 1e-5 * scale) }) else { continue }
        guard own > 1e-4 else { return nil }
        let row = (0..<width).map { values[sharedHead, token, $0] + rest[$0] / own }
        let near = nearestRow(row, of: token, in: values, sharedHead, tolerance: scale * (1e-4 + 2e-6 / own))
        for column in 0..<width { moved[sharedHead, token, column] = near?[column] ?? row[column] }
        isChanged[sharedHead * tokens + token] = true
        changed.append(token)
      }
    }
    guard isChanged.contains(true) else { return nil }
    let sources = RowSources(moved, in: values, tolerance: { _ in 0 }, isAsked: { isChanged[$0] })
    return (sources, moved)
  }

  /// A row of one head, zero, or the row itself with the other sign, that is nearly this one.
  private func nearestRow(
    _ row: [Double], of token: Int, in values: Tensor<Double>, _ head: Int, tolerance: Double
  ) -> [Double]? {
    if row.allSatisfy({ abs($0) <= tolerance }) { return row.map { _ in 0 } }
    let own = values.row(head * values.shape[1] + token).map { -$0 }
    if zip(row, own).allSatisfy({ abs($0 - $1) <= tolerance }) { return own }
    let tokens = values.shape[1]
    let distances = (0..<tokens).map { token in
      zip(row, values.row(head * tokens + token)).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }
    guard let best = distances.indices.min(by: { distances[$0] < distances[$1] }),
      distances[best] <= tolerance
    else { return nil }
    return Array(values.row(head * tokens + best))
  }
}
