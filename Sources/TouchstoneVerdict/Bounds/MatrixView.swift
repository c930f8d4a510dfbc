import TouchstoneModel

/// A matrix seen as [in, out], whichever way it is stored.
struct MatrixView: Sendable {
  let values: [Double]
  let rows: Int
  let columns: Int
  let rowStride: Int
  let columnStride: Int
  var offset = 0

  subscript(row: Int, column: Int) -> Double {
    values[offset + row * rowStride + column * columnStride]
  }

  /// `SIMD8` columns from `first` on, one vector for each row; zeros beyond the last column.
  func strip(from first: Int) -> [SIMD8<Double>] {
    var strip = [SIMD8<Double>](repeating: .zero, count: rows)
    let inside = min(8, columns - first)
    let start = offset + first * columnStride
    let source = values.span
    var target = strip.mutableSpan
    for row in 0..<rows {
      var lanes = SIMD8<Double>.zero
      for lane in 0..<inside { lanes[lane] = source[start + row * rowStride + lane * columnStride] }
      target[row] = lanes
    }
    return strip
  }
}

extension MatrixView {
  /// Some columns of a matrix stored as [in, out]; all of them unless given.
  init(_ matrix: Tensor<Double>, columns range: Range<Int>? = nil) {
    let range = range ?? 0..<matrix.rowWidth
    self.init(
      values: matrix.values, rows: matrix.rowCount, columns: range.count, rowStride: matrix.rowWidth,
      columnStride: 1, offset: range.lowerBound)
  }

  /// A matrix stored as [out, in].
  init(transposing matrix: Tensor<Double>) {
    self.init(
      values: matrix.values, rows: matrix.rowWidth, columns: matrix.rowCount, rowStride: 1,
      columnStride: matrix.rowWidth)
  }
}
