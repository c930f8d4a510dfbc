import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// The bounds of `stat`, scaled to what a hypothesis gives.
///
/// Softmax errs relatively, so its bound moves with the value; elsewhere the sums of a hypothesis are about as large as its
/// output. A row of attention is made of other numbers under another mask: the exact row of a query that sees one key
/// becomes a sum like those of other rows.
struct HypothesisBounds {
  /// What the definition gives.
  private let right: Estimate
  private let isSoftmax: Bool
  private let isContext: Bool
  private static let unit = ScalarType.float32.unitRoundoff
  /// Smaller probabilities have larger relative errors.
  private static let leastTelling = 1e-6

  init(right: Estimate, of kind: Operation.Kind) {
    self.right = right
    isSoftmax = kind.traits.contains(.softmax)
    isContext = kind.payload is AttentionContext
  }

  /// The bound of each element of what a fault gives; without one, what the definition's own have.
  func of(_ value: Tensor<Double>, by fault: Fault? = nil) -> [Double] {
    let factor = fault?.grants.factor ?? 1
    if isSoftmax { return ofSoftmax(value, factor: factor, least: fault == nil ? 0 : relativeBound) }
    let common = fault != nil && isContext ? boundsOfColumns : []
    let width = value.rowWidth
    return (0..<value.rowCount).flatMap { row -> [Double] in
      let range = row * width..<(row + 1) * width
      let finite = range.filter { value.values[$0].isFinite }
      let squares = finite.reduce(0) { $0 + value.values[$1] * value.values[$1] }
      let rootMeanSquare = (squares / Double(max(finite.count, 1))).squareRoot()
      return range.map { offset in
        let own = max(right.bounds[offset].stat, common.isEmpty ? 0 : common[offset % width])
        return factor * own + Self.unit * (2 * abs(value.values[offset]) + 8 * rootMeanSquare)
      }
    }
  }

  private func ofSoftmax(_ value: Tensor<Double>, factor: Double, least: Double) -> [Double] {
    let width = value.rowWidth
    return (0..<value.rowCount).flatMap { row -> [Double] in
      let range = row * width..<(row + 1) * width
      let relative = range.reduce(max(8 * Self.unit, least)) { worst, offset in
        let expected = right.values.values[offset]
        return expected > 1e-30 ? max(worst, right.bounds[offset].stat / expected) : worst
      }
      return range.map {
        max(factor * right.bounds[$0].stat, relative * abs(value.values[$0]) + 0x1p-123)
      }
    }
  }

  /// The greatest relative bound of probabilities that are not small.
  private var relativeBound: Double {
    zip(right.values.values, right.bounds).reduce(0) { worst, element in
      element.0 > Self.leastTelling && element.1.stat.isFinite
        ? max(worst, element.1.stat / element.0) : worst
    }
  }

  /// The greatest bound in each column.
  private var boundsOfColumns: [Double] {
    let width = right.values.rowWidth
    return right.bounds.indices.reduce(into: [Double](repeating: 0, count: width)) { greatest, offset in
      let own = right.bounds[offset].stat
      if own.isFinite { greatest[offset % width] = max(greatest[offset % width], own) }
    }
  }
}
