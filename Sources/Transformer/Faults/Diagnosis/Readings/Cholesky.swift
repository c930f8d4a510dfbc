/// L of L·Lᵀ = A + ridge·1, for a symmetric matrix of which the lower half is read.
struct Cholesky {
  let count: Int
  /// L, row by row.
  let factor: [Double]

  /// nil where A is not positive definite: where a pivot is not above 0 and above `least` of its own diagonal.
  init?(_ matrix: [Double], _ count: Int, ridge: Double = 0, least: Double = 0) {
    var factor = matrix
    for row in 0..<count {
      for column in 0...row {
        var sum = factor[row * count + column] + (row == column ? ridge : 0)
        for index in 0..<column { sum -= factor[row * count + index] * factor[column * count + index] }
        if row == column {
          guard sum > 0, sum > least * matrix[row * count + row] else { return nil }
          factor[row * count + row] = sum.squareRoot()
        } else {
          factor[row * count + column] = sum / factor[column * count + column]
        }
      }
    }
    self.count = count
    self.factor = factor
  }

  /// x of L·Lᵀ·x = y.
  func solved(_ y: [Double]) -> [Double] {
    var x = y
    for row in 0..<count {
      for column in 0..<row { x[row] -= factor[row * count + column] * x[column] }
      x[row] /= factor[row * count + row]
    }
    for row in (0..<count).reversed() {
      for other in row + 1..<max(count, row + 1) { x[row] -= factor[other * count + row] * x[other] }
      x[row] /= factor[row * count + row]
    }
    return x
  }
}
