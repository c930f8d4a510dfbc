import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

extension Reading {
  /// Elements that are left out at random, the others made greater by as much as is lost.
  static let dropouts: [Reading] = [
    Reading("dropout", .wiring, at: .computed) { site, got in
      let right = site.evaluated()
      return Dropout(got.values, right.values).rates.map { rate in
        Guess(
          "every element is 0 or \(significant(1 / (1 - rate), 4)) times what is due: dropout of \(words(rate)) "
            + "is left on", numbers: 1, granting: Fault.Grants(factor: 1 / (1 - rate))
        ) { site in
          site.captured.map { got in
            site.edited { y in y.values = zip(y.values, got.values).map { $1 == 0 ? 0 : $0 / (1 - rate) } }
          }
        }
      }
    },
    Reading("dropout.on-branch", .wiring, of: Sum.self) { _, site, got in
      guard site.activations.count == 2, got.count == site.activations[0].count else { return [] }
      return site.activations.indices.flatMap { index -> [Guess] in
        let (kept, branch) = (site.activations[1 - index].values, site.activations[index].values)
        let rest = zip(got.values, kept).map { abs($0 - $1) <= 0x1p-22 * (abs($0) + abs($1)) ? 0 : $0 - $1 }
        let name = site.operation.inputs[index].path
        return Dropout(rest, branch).rates.map { rate in
          Guess(
            "every element of \(name) is added 0 or \(significant(1 / (1 - rate), 4)) times: dropout of "
              + "\(words(rate)) is left on", numbers: 1, granting: Fault.Grants(factor: 1 / (1 - rate))
          ) { site in
            guard site.activations.count == 2, site.activations[0].shape == site.activations[1].shape else {
              return nil
            }
            return site.captured.map { got in
              let (kept, branch) = (site.activations[1 - index].values, site.activations[index].values)
              let values = got.values.indices.map { offset in
                let added = kept[offset] + branch[offset] / (1 - rate)
                let isKept = abs(got.values[offset] - added) < abs(got.values[offset] - kept[offset])
                return isKept ? added : kept[offset]
              }
              return Tensor(values, shape: got.shape)
            }
          }
        }
      }
    },
  ]
}

extension FaultSite {
  /// What was captured of the operation's own output.
  var captured: Tensor<Double>? {
    activation(operation.output).flatMap { got in got.count == site.value().count ? got : nil }
  }
}

/// Numbers of which some are 0 and all others the same number of times what is due.
struct Dropout {
  /// Which share is lost, as people choose it, the shortest first; empty where it is no dropout.
  let rates: [Double]

  /// Fewer elements than this tell nothing.
  private static let leastCount = 16

  init(_ got: [Double], _ right: [Double]) {
    let scale = (right.reduce(0) { $1.isFinite ? $0 + $1 * $1 : $0 } / Double(max(right.count, 1)))
      .squareRoot()
    var (kept, lost) = ([Double](), 0)
    for (got, right) in zip(got, right) where right.isFinite && abs(right) > 1e-3 * scale {
      if got == 0 { lost += 1 } else { kept.append(got / right) }
    }
    let count = kept.count + lost
    let factor = kept.sorted().dropFirst(kept.count / 2).first ?? 0
    let areAlike = kept.filter { abs($0 - factor) > 1e-2 * factor }.isEmpty
    guard count >= Self.leastCount, lost > 2, kept.count > 2, factor > 1, areAlike else {
      rates = []
      return
    }
    let read = 1 - 1 / factor
    let share = Double(lost) / Double(count)
    let spread = (read * (1 - read) / Double(count)).squareRoot()
    // As many are lost as would be by chance.
    rates = abs(share - read) <= 5 * spread ? plainNumbers(near: read).filter { $0 > 0 && $0 < 1 } : []
  }
}
