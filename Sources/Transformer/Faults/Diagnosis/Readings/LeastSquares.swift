import TouchstoneVerdict

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
    let x = Cholesky(matrix, count, least: 1e-12)?.solved(right)
    return x.flatMap { $0.allSatisfy(\.isFinite) ? $0 : nil }
  }
}
