import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

extension Reading {
  /// Softmax with another exponential, another sum, or no maximum taken off.
  static let exponentials: [Reading] = [
    Reading("softmax.other-temperature", .softmax, at: .softmaxes) { site, got in
      guard let rows = ExponentialRows(site, got),
        let read = quotient(of: rows.logarithms, on: rows.arguments)
      else { return [] }
      return plainNumbers(near: read).filter { $0 != 1 }.map { factor in
        Guess("scores are multiplied by \(words(factor)) before softmax", numbers: 1) { site in
          site.softmaxed { row in row.map { $0 * factor }.softmax() }
        }
      }
    },
    Reading("softmax.one-more", .softmax, at: .softmaxes) { site, got in
      guard let rows = ExponentialRows(site, got), let read = rows.additionalScore else { return [] }
      return ([0] + plainNumbers(near: read)).map { score in
        Guess("the sum of softmax has one more term, as of a score of \(words(score))", numbers: 1) { site in
          site.softmaxed { row in Array((row + [score]).softmax().dropLast()) }
        }
      }
    },
    Reading("softmax.without-maximum", .softmax, at: .softmaxes) { site, got in
      let scores = site.activations[0].values
      guard got.values.contains(where: { !$0.isFinite }), scores.allSatisfy({ $0 < .infinity }) else {
        return []
      }
      return [
        Guess(
          "softmax does not subtract its maximum: the exponentials of a row are beyond float32, or all 0",
          granting: .nan
        ) { site in
          let got = site.captured
          let made = site.softmaxed { row in
            let powers = row.map { Float(exp($0)) }
            let sum = powers.reduce(0, +)
            let right = row.softmax()
            return zip(powers, right).map { power, right in
              sum.isFinite && sum > .leastNormalMagnitude ? right : Double(power / sum)
            }
          }
          // What is masked is 0/0 too, where it is divided.
          return Tensor(
            made.values.indices.map { offset in
              let row = made.row(offset / made.rowWidth)
              let isAllNaN = row.allSatisfy { $0.isNaN || $0 == 0 } && row.contains(where: \.isNaN)
              return isAllNaN && got?.values[offset].isNaN == true ? .nan : made.values[offset]
            }, shape: made.shape)
        }
      ]
    },
    Reading("softmax.in-steps", .precision, at: .softmaxes) { _, _ in
      [NumberFormat.bfloat16, .float16].flatMap { format in
        [(false, ""), (true, ", its sum too after every term")].map { accumulates, addition in
          Guess(
            "softmax is rounded to \(format.name) after every step\(addition)",
            granting: Fault.Grants(rounding: format)
          ) { site in
            site.softmaxed { row in
              let greatest = row.max() ?? 0
              let powers = row.map { format.round(exp(format.round($0 - greatest))) }
              let sum =
                accumulates
                ? powers.reduce(0) { format.round($0 + $1) } : format.round(powers.reduce(0, +))
              return powers.map { format.round($0 / sum) }
            }
          }
        }
      }
    },
    Reading("softmax.other-exponential", .softmax, at: .softmaxes, isLast: true) { site, got in
      guard let rows = ExponentialRows(site, got), rows.addsUpToOne else { return [] }
      let samples = zip(rows.arguments, rows.logarithms).map { argument, logarithm in
        (argument: argument, error: logarithm - argument, noise: 0x1p-22 * (1 - argument))
      }
      guard let function = FunctionOfInput(samples) else { return [] }
      return [
        Guess(
          "exp is approximated, by a function of its argument alone, off by at most "
            + "\(significant(function.greatest, 1)) of its value"
        ) { $0.captured }
      ]
    },
  ]
}

extension FaultSite {
  /// The softmax of every row over its visible entries, by another rule.
  fileprivate func softmaxed(_ rule: ([Double]) -> [Double]) -> Tensor<Double> {
    let scores = activations[0]
    let temperature = (operation.kind.payload as? Softmax)?.temperature ?? 1
    let due = visibility.map(dueKeys)
    return edited { y in
      for row in 0..<y.rowCount {
        let first = row % inputs.count * y.rowWidth
        let seen = (0..<y.rowWidth).filter { due?[first + $0] ?? true }
        for (column, value) in zip(seen, weights(seen.map { scores[row, $0] / temperature }, row: row, rule))
        {
          y[row, column] = value
        }
      }
    }
  }
}

/// Probabilities by their arguments: each over the greatest of its row.
private struct ExponentialRows {
  /// s − max of what is not the greatest, and ln(p/p of the greatest).
  private(set) var arguments: [Double] = []
  private(set) var logarithms: [Double] = []
  private(set) var addsUpToOne = true
  /// What one more score there must be for a row to add up to less than 1.
  private var additional: [Double] = []

  private static let greatestCount = 1 << 18

  init?(_ site: FaultSite, _ got: Tensor<Double>) {
    let scores = site.activations[0]
    guard got.shape == scores.shape else { return nil }
    let temperature = (site.operation.kind.payload as? Softmax)?.temperature ?? 1
    let due = site.visibility.map(site.dueKeys)
    let rowStep = max(1, got.count / Self.greatestCount)
    for row in stride(from: 0, to: got.rowCount, by: rowStep) {
      let first = row % site.inputs.count * got.rowWidth
      let seen = (0..<got.rowWidth).filter { due?[first + $0] ?? true }
      guard let greatest = seen.max(by: { scores[row, $0] < scores[row, $1] }), got[row, greatest] > 0 else {
        continue
      }
      var total = 0.0
      guard seen.allSatisfy({ got[row, $0].isFinite }) else { return nil }
      for column in seen {
        total += got[row, column]
        guard column != greatest, got[row, column] > 1e-30 else { continue }
        let argument = (scores[row, column] - scores[row, greatest]) / temperature
        guard argument < 0 else { continue }
        arguments.append(argument)
        logarithms.append(log(got[row, column] / got[row, greatest]))
      }
      if abs(total - 1) > 1e-5 { addsUpToOne = false }
      let own = seen.reduce(0) { $0 + exp((scores[row, $1] - scores[row, greatest]) / temperature) }
      if total < 0.999, total > 0 {
        additional.append(log(own * (1 / total - 1)) + scores[row, greatest] / temperature)
      }
    }
    guard !arguments.isEmpty else { return nil }
  }

  /// The score that all rows agree on.
  var additionalScore: Double? {
    guard additional.count > 2 else { return nil }
    let sorted = additional.sorted()
    let middle = sorted[sorted.count / 2]
    return sorted.filter { abs($0 - middle) > 1e-2 }.count * 4 > sorted.count ? nil : middle
  }
}
