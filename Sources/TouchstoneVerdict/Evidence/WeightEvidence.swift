import TouchstoneModel

/// One weight of a matrix product that is not the model's, found in the errors of all rows together.
///
/// An error δ of the weight from input k to output j adds δ·x[t, k] to every row t: too little to tell from rounding in
/// any one of them, but always along x[:, k], where roundings follow no input. The statistic of every weight at once is
/// XᵀR for the residual R, each row divided by its scale of rounding; in units of its standard deviation it is z.
///
/// One rounding is not random: a constant, such as the bias, added to a partial sum of coarser resolution is off by the
/// same amount in every row whose result has the same exponent. The mean is therefore taken out of R and of x[:, k]; a
/// wrong bias cannot be told from it and is not looked for.
package struct WeightEvidence: Sendable, Equatable {
  /// k.
  package let input: Int
  /// j.
  package let output: Int
  /// The model's weight.
  package let expected: Double
  /// The weight that explains the errors.
  package let found: Double
  /// How many standard deviations of rounding it takes to explain them otherwise.
  package let deviations: Double

  /// More than this is no chance: rounding reaches it with a probability below 3e-12 for each weight.
  package static let threshold = 7.0

  /// Whether the errors have another explanation only beyond ``threshold``.
  package var isConclusive: Bool { deviations >= Self.threshold }

  /// What is found, in a sentence without its subject.
  package var description: String {
    "has errors that its rows share, as if the weight from input \(input) to output \(output) were "
      + "\(Float(found)) instead of \(Float(expected)) (\(Int(min(deviations, 1e6))) standard deviations)"
  }
}

/// The search for one wrong weight in x·W + b.
struct WeightSearch {
  /// x, [T, K].
  let input: Tensor<Double>
  /// W, as [K, N].
  let weight: MatrixView
  /// got − want, [T, N].
  let residual: [Double]
  /// What rounding leaves in each element, up to a common factor: [T, N].
  let scale: [Double]

  /// Rows of x that differ: equal rows are rounded alike and say the same thing.
  private let rows: [Int]
  /// The root mean square of each such row's ``scale``.
  private let rowScale: [Double]
  private var depth: Int { input.rowWidth }
  private var columns: Int { weight.columns }

  /// Fewer rows than this do not say what rounding is.
  private static let fewestRows = 4

  init?(
    input: Tensor<Double>, weight: MatrixView, residual: [Double], scale: [Double]
  ) {
    let columns = weight.columns
    var seen: Set<[Double]> = []
    var (rows, rowScale) = ([Int](), [Double]())
    for row in 0..<input.rowCount where seen.insert(Array(input.row(row))).inserted {
      let squares = scale[row * columns..<(row + 1) * columns].reduce(0) { $0 + $1 * $1 }
      let rootMeanSquare = (squares / Double(columns)).squareRoot()
      guard rootMeanSquare > 0, rootMeanSquare.isFinite else { continue }
      rows.append(row)
      rowScale.append(rootMeanSquare)
    }
    guard rows.count >= Self.fewestRows else { return nil }
    self.input = input
    self.weight = weight
    self.residual = residual
    self.scale = scale
    self.rows = rows
    self.rowScale = rowScale
  }

  /// The weight that stands out most; nil where none can be told from rounding at all.
  func best() -> WeightEvidence? {
    let left = standardisedInput()
    let norms = left.map { column in
      Double(column.reduce(0) { $0 + $1 * $1 }).squareRoot()
    }
    let spreads = columnSpreads()
    let standardised = standardisedResidual()
    let chosen = promisingColumns(standardised, spreads)
    let strips = (0..<(chosen.count + Self.lanes - 1) / Self.lanes).concurrentMap { strip in
      let range = strip * Self.lanes..<min((strip + 1) * Self.lanes, chosen.count)
      return columnEvidence(chosen[range].map(\.column), of: standardised, left, norms, spreads)
    }
    // z of every weight, up to the arithmetic's own scale, which is that of other columns' z.
    var (squares, count) = (0.0, 0.0)
    var greatest = (square: 0.0, k: 0, index: 0, ofColumn: 0.0)
    for (index, found) in strips.joined().enumerated() {
      if chosen[index].isTypical { (squares, count) = (squares + found.squares, count + 1) }
      if found.greatest > greatest.square {
        greatest = (found.greatest, found.input, index, found.squares)
      }
    }
    guard greatest.square > 0 else { return nil }
    let (column, isTypical) = chosen[greatest.index]
    if isTypical { (squares, count) = (squares - greatest.ofColumn, count - 1) }
    guard count > 0 else { return nil }
    let usable = norms.reduce(0.0) { $0 + ($1 > 0 ? 1 : 0) }
    return evidence(greatest.k, column, commonVariance: squares / (count * usable))
  }

  /// The columns that are searched: those whose errors could hold a change, and a regular sample, which is typical and
  /// says what rounding is.
  ///
  /// A change of z standard deviations adds z² to the column's sum of squares, which is otherwise T ± √(2T) in units of
  /// the arithmetic's own variance: one that lacks 3 of those deviations to T + z² is not looked at.
  private func promisingColumns(
    _ standardised: [Float], _ spreads: [Double]
  ) -> [(column: Int, isTypical: Bool)] {
    let readable = (0..<columns).filter { spreads[$0] > 0 }
    let stride = readable.count / Self.typicalColumns
    guard stride > 1 else { return readable.map { ($0, true) } }
    var squares = [Double](repeating: 0, count: columns)
    for row in rows.indices {
      for column in 0..<columns {
        let element = Double(standardised[row * columns + column])
        squares[column] += element * element
      }
    }
    for column in readable { squares[column] /= spreads[column] * spreads[column] }
    let count = Double(rows.count)
    let median = readable.map { squares[$0] }.sorted()[readable.count / 2]
    let added = WeightEvidence.threshold * WeightEvidence.threshold - 3 * (2 * count).squareRoot()
    let least = median * (1 + added / count)
    return readable.enumerated().compactMap { index, column in
      let isTypical = index % stride == 0
      return isTypical || squares[column] >= least ? (column, isTypical) : nil
    }
  }

  /// So many columns at least say what rounding is.
  private static let typicalColumns = 64

  /// Each column of x without its mean, its rows divided by their scale.
  private func standardisedInput() -> [[Float]] {
    let total = rowScale.reduce(0) { $0 + 1 / ($1 * $1) }
    let smallest = rowScale.min() ?? 1
    return (0..<depth).map { k in
      let mean = zip(rows, rowScale).reduce(0) { $0 + input[$1.0, k] / ($1.1 * $1.1) } / total
      let greatest = rows.reduce(0) { max($0, abs(input[$1, k] - mean)) }
      // Only ratios within a column matter; float32 holds those of rows of very different sizes.
      guard greatest > 0 else { return [Float](repeating: 0, count: rows.count) }
      return zip(rows, rowScale).map { Float((input[$0, k] - mean) / greatest * (smallest / $1)) }
    }
  }

  /// The residual without each column's mean, its rows divided by their scale.
  private func standardisedResidual() -> [Float] {
    let total = rowScale.reduce(0) { $0 + 1 / ($1 * $1) }
    var means = [Double](repeating: 0, count: columns)
    for (row, scale) in zip(rows, rowScale) {
      for column in 0..<columns {
        means[column] += residual[row * columns + column] / (scale * scale * total)
      }
    }
    var result: [Float] = []
    result.reserveCapacity(rows.count * columns)
    for (row, scale) in zip(rows, rowScale) {
      for column in 0..<columns {
        result.append(Float((residual[row * columns + column] - means[column]) / scale))
      }
    }
    return result
  }

  /// The root mean square, down each column, of the scale over its row's.
  private func columnSpreads() -> [Double] {
    var squares = [Double](repeating: 0, count: columns)
    for (index, row) in rows.enumerated() {
      for column in 0..<columns {
        let ratio = scale[row * columns + column] / rowScale[index]
        squares[column] += ratio * ratio
      }
    }
    return squares.map { ($0 / Double(rows.count)).squareRoot() }
  }

  /// Terms below the resolution of their sum are lost whole, which looks as if their weight were 0.
  private func isReadable(_ k: Int, _ column: Int) -> Bool {
    let w = abs(weight[k, column])
    let lost = rows.reduce(0.0) { $0 + (abs(input[$1, k]) * w < 0.5 * scale[$1 * columns + column] ? 1 : 0) }
    return w > 0 && lost < 0.25 * Double(rows.count)
  }

  /// Weighs one candidate by its own column, in float64.
  private func evidence(_ k: Int, _ column: Int, commonVariance: Double) -> WeightEvidence? {
    let elements = rows.compactMap { row -> (x: Double, r: Double, scale: Double)? in
      let offset = row * columns + column
      return scale[offset] > 0 ? (input[row, k], residual[offset], scale[offset]) : nil
    }
    let total = elements.reduce(0) { $0 + 1 / ($1.scale * $1.scale) }
    let meanInput = elements.reduce(0) { $0 + $1.x / ($1.scale * $1.scale * total) }
    let meanResidual = elements.reduce(0) { $0 + $1.r / ($1.scale * $1.scale * total) }
    let pairs = elements.map { (x: ($0.x - meanInput) / $0.scale, r: ($0.r - meanResidual) / $0.scale) }
    let norm = pairs.reduce(0) { $0 + $1.x * $1.x }
    let fourth = pairs.reduce(0) { $0 + $1.x * $1.x * $1.x * $1.x }
    let freedom = Double(pairs.count - 2)
    // One row that outweighs the others would make this a comparison of a single element.
    guard norm > 0, freedom >= 1, norm * norm / fourth >= Double(Self.fewestRows) else { return nil }
    let cross = pairs.reduce(0) { $0 + $1.x * $1.r }
    let change = cross / norm
    // What is left of the column once the change is taken out.
    let left = pairs.reduce(0) { $0 + ($1.r - change * $1.x) * ($1.r - change * $1.x) }
    let variance = max(commonVariance, left / freedom)
    let expected = weight[k, column]
    return WeightEvidence(
      input: k, output: column, expected: expected, found: expected + change,
      deviations: variance > 0 ? abs(cross) / (norm * variance).squareRoot() : .infinity)
  }

  /// What z², up to the arithmetic's own scale, is in one column.
  private struct ColumnEvidence {
    /// Over all inputs.
    var squares = 0.0
    /// Of the readable weight that has the greatest.
    var greatest = 0.0
    /// That weight's input.
    var input = 0
  }

  /// Columns of R that XᵀR is computed for at once.
  private static let lanes = 16

  /// XᵀR for some columns, in float32: a screen, whose best candidate is computed again.
  private func columnEvidence(
    _ columns: [Int], of standardised: [Float], _ left: [[Float]], _ norms: [Double], _ spreads: [Double]
  ) -> [ColumnEvidence] {
    let residuals = rows.indices.map { row in
      var lanes = SIMD16<Float>.zero
      for (lane, column) in columns.enumerated() { lanes[lane] = standardised[row * weight.columns + column] }
      return lanes
    }
    var evidence = [ColumnEvidence](repeating: ColumnEvidence(), count: columns.count)
    for k in 0..<depth where norms[k] > 0 {
      let statistic = Self.product(left[k], residuals)
      for (lane, column) in columns.enumerated() {
        let z = Double(statistic[lane]) / (norms[k] * spreads[column])
        evidence[lane].squares += z * z
        if z * z > evidence[lane].greatest, isReadable(k, column) {
          (evidence[lane].greatest, evidence[lane].input) = (z * z, k)
        }
      }
    }
    return evidence
  }

  /// Σ factor·residual over rows, lane by lane.
  private static func product(_ factors: [Float], _ residuals: [SIMD16<Float>]) -> SIMD16<Float> {
    let (factors, residuals) = (factors.span, residuals.span)
    var sum = SIMD16<Float>.zero
    for row in 0..<residuals.count { sum += factors[row] * residuals[row] }
    return sum
  }
}
