/// Numbers x with Σ a·x = y for many rows a, by least squares.
struct LeastSquares {
  private let count: Int
  private var matrix: [Double]
  private var right: [Double]

  init(_ count: Int) {
    self.count = count
    matrix = [Double](repeating: 0, count: count * count)
    right = [Double](repeating: 0, count: count)
  }

  mutating func add(_ row: [Double], _ value: Double) {
    for i in 0..<count {
      right[i] += row[i] * value
      for j in 0...i { matrix[i * count + j] += row[i] * row[j] }
    }
  }

  /// By Cholesky's decomposition; nil where the rows do not tell.
  var solution: [Double]? {
    var (factor, x) = (matrix, right)
    for i in 0..<count {
      for j in 0...i {
        var sum = factor[i * count + j]
        for index in 0..<j { sum -= factor[i * count + index] * factor[j * count + index] }
        if i == j {
          guard sum > 1e-12 * matrix[i * count + i], sum > 0 else { return nil }
          factor[i * count + i] = sum.squareRoot()
        } else {
          factor[i * count + j] = sum / factor[j * count + j]
        }
      }
    }
    for i in 0..<count {
      for j in 0..<i { x[i] -= factor[i * count + j] * x[j] }
      x[i] /= factor[i * count + i]
    }
    for i in (0..<count).reversed() {
      for j in i + 1..<max(count, i + 1) { x[i] -= factor[j * count + i] * x[j] }
      x[i] /= factor[i * count + i]
    }
    return x.allSatisfy(\.isFinite) ? x : nil
  }
}
