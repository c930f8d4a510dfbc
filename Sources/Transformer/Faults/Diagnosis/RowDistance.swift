import TouchstoneModel

/// How far two tensors are apart, row by row, in units of noise.
struct RowDistance: Sendable {
  let rows: [Int]
  let noise: [Double]

  /// Honest implementations reach 1.4 of the floor (``NoiseFloor``) in all rows together and 5.2 in any one at most.
  static let allowance = (together: 2.0, row: 6.0)

  /// Root mean squares in units of the noise: 1 where both the rows together and each of them are just within the allowance.
  func ratio(_ left: Tensor<Double>, _ right: Tensor<Double>) -> Double {
    var (total, worst) = (0.0, 0.0)
    var isTold = false
    for row in rows {
      isTold = isTold || left.row(row).contains { !$0.isNaN }
      let square = Self.meanSquare(left, right, row: row)
      let own = square == 0 ? 0 : square / (noise[row] * noise[row])
      guard own.isFinite else { return .infinity }
      total += own
      worst = max(worst, own)
    }
    // What is no number anywhere is explained by whatever makes none.
    guard isTold else { return .infinity }
    let together = (total / Double(max(rows.count, 1))).squareRoot()
    return max(together / Self.allowance.together, worst.squareRoot() / Self.allowance.row)
  }

  /// What ``ratio(_:_:)`` of these rows and any others comes to at least; 0 where nothing is told.
  func leastRatio(_ left: Tensor<Double>, _ right: Tensor<Double>) -> Double {
    guard rows.contains(where: { left.row($0).contains { !$0.isNaN } }) else { return 0 }
    return rows.reduce(0) { least, row in
      let square = Self.meanSquare(left, right, row: row)
      let own = square == 0 ? 0 : square.squareRoot() / noise[row] / Self.allowance.row
      return own.isFinite ? max(least, own) : .infinity
    }
  }

  /// Mean square over the entries of a row; where both are the same infinity, or no number, they agree.
  static func meanSquare(_ left: Tensor<Double>, _ right: Tensor<Double>, row: Int) -> Double {
    var total = 0.0
    for (one, other) in zip(left.row(row), right.row(row)) where one != other && !(one.isNaN && other.isNaN) {
      total += (one - other) * (one - other)
    }
    return total / Double(left.rowWidth)
  }
}
