import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Fault {
  /// Faults of one row of softmax, whether of attention or of the logits.
  static let probabilityFaults: [Fault] = rowFaults + axisFaults

  private static let rowFaults: [Fault] = [
    variant(
      "not-normalised", "exponentials are not divided by their sum", "the division is forgotten",
      { row in
        row.exponentials()
      }
    ),
    variant(
      "base-2", "2^x is taken for e^x", "the constant log₂e is forgotten beside exp2",
      { row in
        row.normalised { exp2($0) }
      }
    ),
    variant(
      "plus-one", "the sum starts at 1", "the off-by-one softmax of another model",
      { row in
        row.over { $0.reduce(exp(-(row.max() ?? 0)), +) }
      }
    ),
    variant(
      "sum-plus-1e-6", "10⁻⁶ is added to the sum", "a guard against division by zero",
      { row in
        row.over { $0.reduce(1e-6, +) }
      }
    ),
    variant(
      "sum-plus-1e-4", "10⁻⁴ is added to the sum", "a guard against division by zero",
      { row in
        row.over { $0.reduce(1e-4, +) }
      }
    ),
    variant(
      "first-left-out", "the first entry is missing from the sum", "a loop starts at 1",
      { row in
        guard row.count > 1 else { return row.map { _ in 1 } }
        return row.over { $0.dropFirst().reduce(0, +) }
      }
    ),
    variant(
      "last-left-out", "the last entry is missing from the sum", "a loop ends one early",
      { row in
        guard row.count > 1 else { return row.map { _ in 1 } }
        return row.over { $0.dropLast().reduce(0, +) }
      }
    ),
    variant(
      "tail-left-out", "the last n mod 8 entries are missing from the sum",
      "a vector loop without its remainder",
      { row in
        row.over { $0.prefix(row.count < 8 ? row.count : row.count / 8 * 8).reduce(0, +) }
      }
    ),
    variant(
      "online-not-rescaled", "partial sums are not rescaled when the maximum grows",
      "an online softmax in blocks of four",
      { row in
        var (greatest, total) = (-Double.infinity, 0.0)
        for first in stride(from: 0, to: row.count, by: 4) {
          let block = row[first..<min(first + 4, row.count)]
          greatest = max(greatest, block.max() ?? greatest)
          total += block.reduce(0) { $0 + exp($1 - greatest) }
        }
        return row.map { exp($0 - greatest) / total }
      }
    ),
    variant(
      "flushed-below-1e-6", "probabilities below 10⁻⁶ are set to 0", "small weights are skipped for speed",
      { row in
        row.normalised { exp($0) }.map { $0 < 1e-6 ? 0 : $0 }
      }
    ),
    variant(
      "exp-to-1e-3", "exp is right to 10⁻³", "a fast approximation by a table or a short polynomial",
      { row in
        row.normalised { exp($0) * (1 + 1e-3 * sin(40 * $0)) }
      }
    ),
    variant(
      "exp-to-1e-4", "exp is right to 10⁻⁴", "a fast approximation",
      { row in
        row.normalised { exp($0) * (1 + 1e-4 * sin(40 * $0)) }
      }
    ),
    variant(
      "exp-to-1e-5", "exp is right to 10⁻⁵", "a fast approximation",
      { row in
        row.normalised { exp($0) * (1 + 1e-5 * sin(40 * $0)) }
      }
    ),
    variant(
      "exp-to-1e-6", "exp is right to 10⁻⁶", "a fast approximation",
      { row in
        row.normalised { exp($0) * (1 + 1e-6 * sin(40 * $0)) }
      }
    ),
    variant(
      "exp-by-bits", "exp is Schraudolph's reinterpretation of bits", "a fast approximation",
      { row in
        row.normalised { x in
          let bits = max(0, (x * 1.4426950408889634 + 126.94269504) * 0x1p23)
          return Double(Float(bitPattern: UInt32(min(bits, 2e9))))
        }
      }
    ),
    variant(
      "exp-of-half", "the argument of exp is rounded to float16", "half-precision scores",
      { row in
        row.normalised { exp(NumberFormat.float16.round($0)) }
      }
    ),
    variant(
      "exp-in-half", "exponentials are rounded to float16", "half-precision probabilities",
      { row in
        row.normalised { NumberFormat.float16.round(exp($0)) }
      }
    ),
    variant(
      "hard-maximum", "the greatest entry takes all", "arg max for softmax",
      { row in
        let greatest = row.max() ?? 0
        let winners = row.filter { $0 == greatest }.count
        return row.map { $0 == greatest ? 1 / Double(winners) : 0 }
      }
    ),
  ]

  private static let axisFaults: [Fault] = [
    Fault(
      "softmax.over-queries", "softmax runs over queries instead of keys", .softmax,
      of: AttentionProbabilities.self, practice: "the axis is wrong"
    ) { own, site in
      guard site.inputs.count > 1 else { return nil }
      return site.normalised(own, along: 1)
    },
    Fault(
      "softmax.over-heads", "softmax runs over heads instead of keys", .softmax,
      of: AttentionProbabilities.self, practice: "the axis is wrong"
    ) { own, site in
      guard site.activations[0].shape[0] > 1 else { return nil }
      return site.normalised(own, along: 0)
    },
    Fault(
      "softmax.over-tokens", "the last softmax runs over tokens instead of the vocabulary", .softmax,
      of: Softmax.self, practice: "the axis is wrong"
    ) { softmax, site in
      let logits = site.activations[0]
      var result = logits
      for column in 0..<logits.rowWidth {
        let rows = (0..<logits.rowCount).map { logits[$0, column] / softmax.temperature }
        for (row, value) in rows.normalised({ exp($0) }).enumerated() { result[row, column] = value }
      }
      return result
    },
  ]

  private static func variant(
    _ id: String, _ name: String, _ practice: String, _ row: @escaping @Sendable ([Double]) -> [Double]
  ) -> Fault {
    Fault("softmax.\(id)", name, .softmax, at: .softmaxes, practice: practice) { $0.softmaxRows(row) }
  }
}

extension [Double] {
  /// exp(x − max), each over what `total` makes of all of them.
  fileprivate func over(_ total: ([Double]) -> Double) -> [Double] {
    let powers = exponentials()
    let total = total(powers)
    return powers.map { $0 / total }
  }

  /// exp(x − max).
  fileprivate func exponentials() -> [Double] {
    let greatest = self.max() ?? 0
    return map { exp($0 - greatest) }
  }

  /// Their softmax.
  func softmax() -> [Double] { normalised { exp($0) } }

  /// `power` of x − max, divided by the sum.
  fileprivate func normalised(_ power: (Double) -> Double) -> [Double] {
    let greatest = self.max() ?? 0
    let powers = map { power($0 - greatest) }
    let total = powers.reduce(0, +)
    return powers.map { $0 / total }
  }
}

extension FaultSite {
  /// Softmax by another rule for one row of visible entries.
  fileprivate func softmaxRows(_ rule: ([Double]) -> [Double]) -> Tensor<Double> {
    let (scores, inputs) = (activations[0], inputs)
    let visibility = (operation.kind.payload as? AttentionProbabilities)?.visibility
    let temperature = (operation.kind.payload as? Softmax)?.temperature ?? 1
    // Of each query; of the rows of logits all are alike.
    let visible = (0..<(visibility == nil ? 1 : inputs.count)).map { query in
      (0..<scores.rowWidth).filter { key in
        visibility.map { inputs.isVisible(key: key, from: query, under: $0) } ?? true
      }
    }
    var result = Tensor<Double>(repeating: 0, shape: scores.shape)
    for row in 0..<scores.rowCount {
      let (columns, first) = (visible[row % visible.count], row * scores.rowWidth)
      let values = weights(columns.map { scores.values[first + $0] / temperature }, row: row, rule)
      for (column, value) in zip(columns, values) { result.values[first + column] = value }
    }
    return result
  }

  /// Attention's exponentials divided by their sum along another axis than that of the keys.
  fileprivate func normalised(_ own: AttentionProbabilities, along axis: Int) -> Tensor<Double> {
    let scores = activations[0]
    var result = scores
    var extents = scores.shape
    extents[axis] = 1
    let (rows, width, count) = (scores.shape[1], scores.rowWidth, scores.shape[axis])
    let step = axis == 0 ? rows * width : width
    var powers = [Double](repeating: 0, count: count)
    for head in 0..<extents[0] {
      for row in 0..<extents[1] {
        for column in 0..<extents[2] {
          let first = (head * rows + row) * width + column
          let entries = (0..<count).map { scores.values[first + $0 * step] }
          let greatest = entries.reduce(-.infinity) { $1.isFinite ? max($0, $1) : $0 }
          var total = 0.0
          for (place, entry) in entries.enumerated() {
            powers[place] = exp(entry - (greatest.isFinite ? greatest : 0))
            if entry.isFinite { total += powers[place] }
          }
          for place in 0..<count {
            let query = axis == 0 ? row : place
            let isVisible = inputs.isVisible(key: column, from: query, under: own.visibility)
            result.values[first + place * step] = isVisible ? powers[place] / total : 0
          }
        }
      }
    }
    return result
  }
}
