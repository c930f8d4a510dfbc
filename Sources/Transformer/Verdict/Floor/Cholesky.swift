/// L of L·Lᵀ = A + ridge·1, for a symmetric matrix of which the lower half is read.
package struct Cholesky: Sendable {
  package let count: Int
  /// L, row by row.
  package let factor: [Double]

  /// nil where A is not positive definite: where a pivot is not above 0 and above `least` of its own diagonal.
  package init?(_ matrix: [Double], _ count: Int, ridge: Double = 0, least: Double = 0) {
    var factor = matrix
    for row in 0..<count {
      for column in 0...row {
        let known = factor.product(row * count, column * count, count: column)
        let sum = factor[row * count + column] + (row == column ? ridge : 0) - known
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
  package func solved(_ y: [Double]) -> [Double] {
    var x = solvedOnce(y)
    for row in (0..<count).reversed() {
      x[row] /= factor[row * count + row]
      for column in 0..<row { x[column] -= factor[row * count + column] * x[row] }
    }
    return x
  }

  /// x of L·x = y, whose first `start` elements are 0.
  package func solvedOnce(_ y: [Double], from start: Int = 0) -> [Double] {
    var x = y
    for row in start..<max(count, start) {
      var sum = x[row]
      for column in start..<row { sum -= factor[row * count + column] * x[column] }
      x[row] = sum / factor[row * count + row]
    }
    return x
  }
}

extension [Double] {
  /// Σ of the products of two runs of elements.
  fileprivate func product(_ left: Int, _ right: Int, count: Int) -> Double {
    let (a, b) = (span.extracting(left..<left + count), span.extracting(right..<right + count))
    // Four sums at a time: one alone would wait for each addition.
    var sums = SIMD4<Double>.zero
    var index = 0
    while index + 4 <= count {
      for lane in 0..<4 { sums[lane] += a[index + lane] * b[index + lane] }
      index += 4
    }
    var sum = sums.sum()
    while index < count {
      sum += a[index] * b[index]
      index += 1
    }
    return sum
  }
}
