import TouchstoneModel
import TouchstoneReference

/// How far ordinary arithmetic strays over a few operations that were replayed together, row by row.
///
/// They are computed in float64 from the capture's own inputs several times, with ``OperationNoise`` of the
/// capture's precision at every point, the hidden ones included. Seeds are fixed.
struct LocalFloor {
  /// The number of noisy passes.
  static let passCount = 8
  /// A row may stray by this many times its floor.
  static let allowance = 10.0

  /// The root mean square of each row's distance from the definition.
  let rows: [Double]

  /// Takes the outputs of the noisy passes.
  init(exact: Tensor<Double>, noisy: [Tensor<Double>], isJudged: (Int) -> Bool) {
    rows = (0..<exact.rowCount).map { row in
      let squares = noisy.map { Self.meanSquare($0, exact, row: row, isJudged) }
      return (squares.reduce(0, +) / Double(max(1, squares.count))).squareRoot()
    }
  }

  /// The worst row of a capture over what it may stray, and the row's worst element; nil where nothing is judged.
  func worst(
    _ got: Tensor<Double>, _ want: Tensor<Double>, isJudged: (Int) -> Bool
  ) -> (ratio: Double, offset: Int)? {
    var worst: (ratio: Double, row: Int)?
    for (row, floor) in rows.enumerated() {
      let error = Self.meanSquare(got, want, row: row, isJudged).squareRoot()
      let ratio = error == 0 ? 0 : error / (Self.allowance * floor)
      // NaN is worse than any number.
      if !(ratio <= worst?.ratio ?? -1) { worst = (ratio.isNaN ? .infinity : ratio, row) }
      if worst?.ratio == .infinity { break }
    }
    guard let worst else { return nil }
    let offsets = (worst.row * want.rowWidth..<(worst.row + 1) * want.rowWidth).filter(isJudged)
    let offset = offsets.max { abs(got.values[$0] - want.values[$0]) < abs(got.values[$1] - want.values[$1]) }
    return offset.map { (worst.ratio, $0) }
  }

  /// Over the judged elements that are finite by the definition.
  private static func meanSquare(
    _ left: Tensor<Double>, _ right: Tensor<Double>, row: Int, _ isJudged: (Int) -> Bool
  ) -> Double {
    var (total, count) = (0.0, 0.0)
    for offset in row * right.rowWidth..<(row + 1) * right.rowWidth
    where right.values[offset].isFinite && isJudged(offset) {
      let difference = left.values[offset] - right.values[offset]
      total += difference * difference
      count += 1
    }
    return count == 0 ? 0 : total / count
  }
}
