import TouchstoneModel

/// The errors of a product in units of what rounding leaves of each, and its inputs in the same units.
///
/// Rounding leaves of an element about a row's part times a column's. The columns' part is that of the bounds; the rows'
/// is measured, for every row has as many errors as there are columns. What all rows of a column share is taken out.
struct StandardisedErrors: Sendable {
  /// Rows of x that differ: equal rows are rounded alike and say the same thing.
  let rows: [Int]
  /// What rounding leaves of a row, up to a common factor.
  let rowScale: [Double]
  /// The root mean square, down each column, of the bounds' scale over its row's; 0 where nothing is rounded.
  let columnSpread: [Double]
  /// The errors, row by row: [rows, N].
  let errors: [Float]
  /// Σ errors² down each column.
  let squares: [Double]
  /// Σ errors⁴ down each column.
  let fourths: [Double]
  /// N.
  let columns: Int

  /// The columns whose results are rounded at all.
  var readable: [Int] { (0..<columns).filter { columnSpread[$0] > 0 } }

  /// - Parameters:
  ///   - input: x, [T, K].
  ///   - residual: got − want, [T, N].
  ///   - scale: what the bounds say that rounding leaves of each element, up to a common factor: [T, N].
  /// - Returns: nil where nothing was rounded, or fewer rows differ than say anything.
  init?(input: Tensor<Double>, residual: [Double], scale: [Double], columns: Int, fewestRows: Int) {
    var seen: Set<[Double]> = []
    var (rows, predicted) = ([Int](), [Double]())
    for row in 0..<input.rowCount where seen.insert(Array(input.row(row))).inserted {
      let squares = scale[row * columns..<(row + 1) * columns].reduce(0) { $0 + $1 * $1 }
      let rootMeanSquare = (squares / Double(columns)).squareRoot()
      guard rootMeanSquare > 0, rootMeanSquare.isFinite else { continue }
      rows.append(row)
      predicted.append(rootMeanSquare)
    }
    guard rows.count >= fewestRows else { return nil }
    var spreads = [Double](repeating: 0, count: columns)
    for (index, row) in rows.enumerated() {
      for column in 0..<columns {
        let ratio = scale[row * columns + column] / predicted[index]
        spreads[column] += ratio * ratio
      }
    }
    for column in 0..<columns { spreads[column] = (spreads[column] / Double(rows.count)).squareRoot() }

    let inverse = spreads.map { $0 > 0 ? 1 / $0 : 0 }
    let measured = zip(rows, predicted).map { row, scale in
      let squares = (0..<columns).reduce(0.0) { sum, column in
        let error = residual[row * columns + column] / scale * inverse[column]
        return sum + error * error
      }
      return (squares / Double(columns)).squareRoot()
    }
    let greatest = measured.max() ?? 0
    guard greatest > 0, greatest.isFinite else { return nil }
    // A row without any error would otherwise outweigh all others.
    let rowScale = zip(predicted, measured).map { $0 * max($1, 1e-3 * greatest) }

    let total = rowScale.reduce(0) { $0 + 1 / ($1 * $1) }
    var means = [Double](repeating: 0, count: columns)
    for (row, scale) in zip(rows, rowScale) {
      for column in 0..<columns {
        means[column] += residual[row * columns + column] / (scale * scale * total)
      }
    }
    var errors: [Float] = []
    errors.reserveCapacity(rows.count * columns)
    var (squares, fourths) = (means.map { _ in 0.0 }, means.map { _ in 0.0 })
    for (row, scale) in zip(rows, rowScale) {
      for column in 0..<columns {
        let error = (residual[row * columns + column] - means[column]) / scale * inverse[column]
        errors.append(Float(error))
        let square = error * error
        squares[column] += square
        fourths[column] += square * square
      }
    }
    self.rows = rows
    self.rowScale = rowScale
    self.columnSpread = spreads
    self.errors = errors
    self.squares = squares
    self.fourths = fourths
    self.columns = columns
  }

  /// Each column of x without its mean, its rows divided by their scale, of length 1; zeros for one that is constant.
  func directions(of input: Tensor<Double>) -> [[Float]] {
    let total = rowScale.reduce(0) { $0 + 1 / ($1 * $1) }
    let smallest = rowScale.min() ?? 1
    return (0..<input.rowWidth).map { k in
      let mean = zip(rows, rowScale).reduce(0) { $0 + input[$1.0, k] / ($1.1 * $1.1) } / total
      // Only ratios within a column matter.
      let greatest = rows.reduce(0) { max($0, abs(input[$1, k] - mean)) }
      guard greatest > 0, greatest.isFinite else { return [Float](repeating: 0, count: rows.count) }
      let column = zip(rows, rowScale).map { (input[$0, k] - mean) / greatest * (smallest / $1) }
      let length = column.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return column.map { Float($0 / length) }
    }
  }

  /// The squared cosines between rows of x: how far two rows are sums of the same terms.
  func likeness(of input: Tensor<Double>) -> [Float] {
    let count = rows.count
    let strips = rows.map { row -> [SIMD16<Float>] in
      let x = input.row(row)
      let length = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return SIMD16.strips(of: x.map { length > 0 ? Float($0 / length) : 0 })
    }
    var likeness = [Float](repeating: 0, count: count * count)
    for row in 0..<count {
      for other in 0...row {
        let cosine = zip(strips[row], strips[other]).reduce(SIMD16<Float>.zero) { $0 + $1.0 * $1.1 }.sum()
        likeness[row * count + other] = cosine * cosine
        likeness[other * count + row] = cosine * cosine
      }
    }
    return likeness
  }

  /// The errors of some columns, 16 at a time, row by row.
  func lanes(_ columns: ArraySlice<Int>) -> [SIMD16<Float>] {
    rows.indices.map { row in
      var lanes = SIMD16<Float>.zero
      for (lane, column) in columns.enumerated() { lanes[lane] = errors[row * self.columns + column] }
      return lanes
    }
  }
}

extension SIMD16<Float> {
  /// Sixteen values at a time, zeros after the last.
  static func strips(of values: [Float]) -> [SIMD16<Float>] {
    stride(from: 0, to: values.count, by: 16).map { first in
      var lanes = SIMD16<Float>.zero
      for lane in 0..<Swift.min(16, values.count - first) { lanes[lane] = values[first + lane] }
      return lanes
    }
  }
}
