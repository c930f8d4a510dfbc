import TouchstoneModel

/// The errors of a product in units of what rounding leaves of each, and its inputs beside them.
///
/// What rounding leaves of an element is a row's part times an ``ErrorProfile``, both measured, for every row has as many
/// errors as there are columns. What all rows of a column share is taken out.
struct StandardisedErrors: Sendable {
  /// Rows of x that differ: equal rows are rounded alike and say the same thing.
  let rows: [Int]
  /// σ: what rounding leaves of each element, [rows, N]; infinite where nothing is rounded.
  let deviations: [Double]
  /// What it leaves of a row: the harmonic mean of that.
  let rowScale: [Double]
  /// The errors over σ, row by row: [rows, N].
  let errors: [Float]
  /// Σ errors² down each column.
  let squares: [Double]
  /// Σ errors⁴ down each column.
  let fourths: [Double]
  /// N.
  let columns: Int
  /// The columns whose results are rounded at all.
  let readable: [Int]

  /// - Parameters:
  ///   - input: x, [T, K].
  ///   - residual: got − want, [T, N].
  ///   - scale: what the bounds say that rounding leaves of each element, up to a common factor: [T, N].
  ///   - result: want, [T, N].
  /// - Returns: nil where nothing was rounded, or fewer rows differ than say anything.
  init?(
    input: Tensor<Double>, residual: [Double], scale: [Double], result: [Double], columns: Int,
    fewestRows: Int
  ) {
    let rows = Self.differentRows(input, scale, columns)
    guard rows.count >= fewestRows,
      let profile = ErrorProfile(
        Self.typicalElements(rows, columns, residual, scale), residual: residual, scale: scale,
        result: result, floor: Double(fewestRows) / Double(rows.count))
    else { return nil }
    var deviations: [Double] = []
    deviations.reserveCapacity(rows.count * columns)
    for row in rows {
      for offset in row * columns..<(row + 1) * columns {
        let variance = profile.variance(scale: scale[offset], result: result[offset])
        deviations.append(scale[offset] > 0 ? variance.squareRoot() : .infinity)
      }
    }
    let measured = rows.enumerated().map { index, row in
      let squares = (0..<columns).reduce(0.0) { sum, column in
        let error = residual[row * columns + column] / deviations[index * columns + column]
        return sum + error * error
      }
      return (squares / Double(columns)).squareRoot()
    }
    let greatest = measured.max() ?? 0
    guard greatest > 0, greatest.isFinite else { return nil }
    for index in rows.indices {
      // A row without any error would otherwise outweigh all others.
      let factor = max(measured[index], 1e-3 * greatest)
      for offset in index * columns..<(index + 1) * columns { deviations[offset] *= factor }
    }
    self.init(
      rows: rows, deviations: deviations, residual: residual, columns: columns, fewestRows: fewestRows)
  }

  private init(
    rows: [Int], deviations: [Double], residual: [Double], columns: Int, fewestRows: Int
  ) {
    var (weights, means) = ([Double](repeating: 0, count: columns), [Double](repeating: 0, count: columns))
    var rounded = [Int](repeating: 0, count: columns)
    var rowScale: [Double] = []
    for (index, row) in rows.enumerated() {
      var inverse = 0.0
      for column in 0..<columns where deviations[index * columns + column].isFinite {
        let deviation = deviations[index * columns + column]
        inverse += 1 / deviation
        weights[column] += 1 / (deviation * deviation)
        means[column] += residual[row * columns + column] / (deviation * deviation)
        rounded[column] += 1
      }
      rowScale.append(Double(columns) / inverse)
    }
    for column in 0..<columns where rounded[column] > 0 { means[column] /= weights[column] }
    var errors: [Float] = []
    errors.reserveCapacity(rows.count * columns)
    var (squares, fourths) = (means.map { _ in 0.0 }, means.map { _ in 0.0 })
    for (index, row) in rows.enumerated() {
      for column in 0..<columns {
        let deviation = deviations[index * columns + column]
        let error = (residual[row * columns + column] - means[column]) / deviation
        errors.append(Float(error))
        let square = error * error
        squares[column] += square
        fourths[column] += square * square
      }
    }
    self.rows = rows
    self.deviations = deviations
    self.rowScale = rowScale
    self.errors = errors
    self.squares = squares
    self.fourths = fourths
    self.columns = columns
    readable = (0..<columns).filter { rounded[$0] >= fewestRows }
  }

  /// The first of each set of equal rows, where anything is rounded.
  private static func differentRows(_ input: Tensor<Double>, _ scale: [Double], _ columns: Int) -> [Int] {
    var seen: Set<[Double]> = []
    return (0..<input.rowCount).filter { row in
      guard seen.insert(Array(input.row(row))).inserted else { return false }
      let scales = scale[row * columns..<(row + 1) * columns]
      return scales.allSatisfy(\.isFinite) && scales.contains { $0 > 0 }
    }
  }

  /// Many elements, none of the column with the greatest errors: it may be the one that is wrong.
  private static func typicalElements(
    _ rows: [Int], _ columns: Int, _ residual: [Double], _ scale: [Double]
  ) -> [Int] {
    var squares = [Double](repeating: 0, count: columns)
    for row in rows {
      for column in 0..<columns where scale[row * columns + column] > 0 {
        let ratio = residual[row * columns + column] / scale[row * columns + column]
        squares[column] += ratio * ratio
      }
    }
    let greatest = squares.indices.max { squares[$0] < squares[$1] }
    let step = max(1, rows.count * columns / profiledElements)
    return rows.flatMap { row in
      stride(from: row % step, to: columns, by: step).filter { $0 != greatest }.map { row * columns + $0 }
    }
  }

  /// More elements than these say no more of a profile.
  private static let profiledElements = 1 << 18

  /// Each column of x without its mean, up to a factor; zeros for one that is constant.
  func centred(_ input: Tensor<Double>) -> [[Float]] {
    let total = rowScale.reduce(0) { $0 + 1 / ($1 * $1) }
    return (0..<input.rowWidth).map { k in
      let mean = zip(rows, rowScale).reduce(0) { $0 + input[$1.0, k] / ($1.1 * $1.1) } / total
      let greatest = rows.reduce(0) { max($0, abs(input[$1, k] - mean)) }
      guard greatest > 0, greatest.isFinite else { return [Float](repeating: 0, count: rows.count) }
      return rows.map { Float((input[$0, k] - mean) / greatest) }
    }
  }

  /// The same, its rows divided by their scale, of length 1.
  func directions(_ centred: [[Float]]) -> [[Float]] {
    let smallest = rowScale.min() ?? 1
    return centred.map { column in
      let scaled = zip(column, rowScale).map { Double($0) * (smallest / $1) }
      let length = scaled.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return scaled.map { length > 0 ? Float($0 / length) : 0 }
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

  /// 1/σ of some columns, each up to a factor, 16 at a time, row by row.
  func inverses(_ columns: ArraySlice<Int>) -> [SIMD16<Float>] {
    let least = columns.map { column in
      rows.indices.reduce(.infinity) { min($0, deviations[$1 * self.columns + column]) }
    }
    return rows.indices.map { row in
      var lanes = SIMD16<Float>.zero
      for (lane, column) in columns.enumerated() {
        lanes[lane] = Float(least[lane] / deviations[row * self.columns + column])
      }
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
