import TouchstoneGraph
import TouchstoneModel

/// How far one run lies from the definition at one activation.
struct Stray: Sendable {
  /// The mean square of each row's error.
  let squares: [Double]
  /// The error of each row in the coordinates of a ``StrayReader``, row by row.
  let coordinates: Tensor<Double>
}

/// Looks at errors in few coordinates, in which right runs can be told from others.
///
/// Where more outputs than inputs are projected from a row, those inputs' errors are recovered by least squares: what is
/// hidden before the projection errs in no other direction. Elsewhere they are the elements themselves, evenly spaced
/// ones where there are many.
struct StrayReader: Sendable {
  private let exact: Tensor<Double>
  /// Judged, and finite by the definition.
  private let isCounted: [Bool]
  private let columns: [Int]
  private let projection: Projection?

  /// More coordinates than this are not looked at.
  private static let greatestCount = 1024
  /// Nor more of all rows and passes together.
  private static let greatestTotal = 1 << 26
  /// Outputs for each input that least squares take.
  private static let outputsPerInput = 8

  /// - Parameters:
  ///   - weight: what the rows are projected by from what is hidden; nil where they are not.
  ///   - passCount: of how many runs the coordinates are kept.
  init(exact: Tensor<Double>, projectedBy weight: MatrixView?, passCount: Int, isJudged: (Int) -> Bool) {
    self.exact = exact
    isCounted = exact.values.indices.map { exact.values[$0].isFinite && isJudged($0) }
    let weight = weight.flatMap { $0.rows <= Self.greatestCount && $0.columns >= 2 * $0.rows ? $0 : nil }
    let kept = max(8, min(Self.greatestCount, Self.greatestTotal / max(1, passCount * exact.rowCount)))
    let greatest = weight.map { Self.outputsPerInput * $0.rows } ?? kept
    let step = max(1, (exact.rowWidth + greatest - 1) / greatest)
    columns = Array(stride(from: 0, to: exact.rowWidth, by: step))
    projection = weight.map { [columns] in Projection($0, columns: columns) }
  }

  /// The errors of a run; elements that are not counted have none.
  func stray(_ run: Tensor<Double>) -> Stray {
    let (rows, width) = (exact.rowCount, exact.rowWidth)
    func error(_ row: Int, _ column: Int) -> Double {
      let offset = row * width + column
      return isCounted[offset] ? run.values[offset] - exact.values[offset] : 0
    }
    let squares = (0..<rows).map { row in
      let count = (0..<width).count { isCounted[row * width + $0] }
      let total = (0..<width).reduce(0) { $0 + error(row, $1) * error(row, $1) }
      return total / Double(max(1, count))
    }
    let errors = Tensor(
      (0..<rows).flatMap { row in columns.map { error(row, $0) } }, shape: [rows, columns.count])
    return Stray(squares: squares, coordinates: projection?.inputs(errors) ?? errors)
  }

  /// The counted elements of a row.
  func counted(inRow row: Int) -> [Int] {
    (row * exact.rowWidth..<(row + 1) * exact.rowWidth).filter { isCounted[$0] }
  }
}

/// The least squares that recover what was projected.
private struct Projection: Sendable {
  /// Eight inputs each: the weights of the outputs that are looked at.
  private let strips: [[SIMD8<Double>]]
  private let normal: Cholesky?
  private let count: Int

  init(_ weight: MatrixView, columns: [Int]) {
    count = weight.rows
    let matrix = Tensor(
      (0..<weight.rows).flatMap { row in columns.map { weight[row, $0] } },
      shape: [weight.rows, columns.count])
    strips = matrix.strips
    let normal = matrix.products(strips, count)
    let trace = (0..<weight.rows).reduce(0) { $0 + normal[$1, $1] }
    self.normal = Cholesky(
      normal.values, count, ridge: max(1e-9 * trace / Double(count), .leastNormalMagnitude))
  }

  /// The errors before the projection of those after it.
  func inputs(_ errors: Tensor<Double>) -> Tensor<Double> {
    let right = errors.products(strips, count)
    guard let normal else { return right }
    return Tensor((0..<right.rowCount).flatMap { normal.solved(Array(right.row($0))) }, shape: right.shape)
  }
}

extension Tensor<Double> {
  /// The matrix by eight rows each, one vector for each column; zeros beyond the last row.
  var strips: [[SIMD8<Double>]] {
    stride(from: 0, to: rowCount, by: 8).map { first in
      let inside = Swift.min(8, rowCount - first)
      return (0..<rowWidth).map { column in
        var lanes = SIMD8<Double>.zero
        for lane in 0..<inside { lanes[lane] = self[first + lane, column] }
        return lanes
      }
    }
  }

  /// This matrix times the transpose of the one of `width` rows that `strips` are of: [rows, width].
  func products(_ strips: [[SIMD8<Double>]], _ width: Int) -> Tensor<Double> {
    let sums = strips.indices.concurrentMap { self.sums(over: strips[$0]) }
    var product = Tensor(repeating: 0, shape: [rowCount, width])
    for (index, sums) in sums.enumerated() {
      for lane in 0..<Swift.min(8, width - 8 * index) {
        for row in 0..<rowCount { product[row, 8 * index + lane] = sums[row][lane] }
      }
    }
    return product
  }
}
