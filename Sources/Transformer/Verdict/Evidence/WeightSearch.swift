import TouchstoneModel

/// The search for one wrong weight in x·W + b.
struct WeightSearch: Sendable {
  /// x, [T, K].
  private let input: Tensor<Double>
  /// W, as [K, N].
  private let weight: MatrixView
  /// got − want, [T, N].
  private let residual: [Double]
  /// What rounding leaves in each element: [T, N].
  private let scale: [Double]
  /// The errors in units of that.
  let errors: StandardisedErrors
  private let directions: [[Float]]
  private let likeness: [Float]

  /// Fewer rows than this do not say what rounding is, and an input that weighs fewer would make this a comparison of a
  /// single element.
  private static let fewestRows = 4

  /// - Parameters:
  ///   - scale: what rounding leaves in each element, [T, N].
  /// - Returns: nil where nothing was rounded, or too few rows differ.
  init?(input: Tensor<Double>, weight: MatrixView, residual: [Double], scale: [Double]) {
    guard
      let errors = StandardisedErrors(
        input: input, residual: residual, scale: scale, columns: weight.columns, fewestRows: Self.fewestRows)
    else { return nil }
    self.input = input
    self.weight = weight
    self.residual = residual
    self.scale = scale
    self.errors = errors
    directions = errors.directions(of: input)
    likeness = errors.likeness(of: input)
  }

  /// How columns other than one are rounded.
  func spread(excluding column: Int) -> SpreadModel? {
    SpreadModel(
      errors, excluding: column, directions: directions, likeness: likeness, fewestRows: Self.fewestRows)
  }

  /// What is searched, and the weight that stands out most; nil where nothing can be told from rounding at all.
  func found(_ level: EvidenceLevel) -> (searched: SearchedWeights, best: WeightEvidence?)? {
    let readable = errors.readable
    // A wrong weight makes its column the one with the greatest errors, which must not say what rounding is.
    guard let greatest = readable.max(by: { errors.squares[$0] < errors.squares[$1] }),
      let spread = spread(excluding: greatest)
    else { return nil }
    let thresholds = spread.freedom.map { $0 > 0 ? level.threshold(freedom: $0) : .infinity }
    let usable = thresholds.filter(\.isFinite).sorted()
    guard !usable.isEmpty else { return nil }
    let searched = SearchedWeights(count: usable.count * readable.count, threshold: usable[usable.count / 2])
    return (searched, best(readable, greatest, spread, thresholds, level))
  }

  private func best(
    _ readable: [Int], _ greatest: Int, _ spread: SpreadModel, _ thresholds: [Double], _ level: EvidenceLevel
  ) -> WeightEvidence? {
    let chosen = promisingColumns(readable, spread, thresholds)
    let strips = (0..<(chosen.count + 15) / 16).concurrentMap { strip in
      let columns = chosen[16 * strip..<min(16 * strip + 16, chosen.count)]
      return bestOfStrip(columns, spread, thresholds)
    }
    guard let (k, column, _) = strips.compactMap(\.self).max(by: { $0.ratio < $1.ratio }) else { return nil }
    guard column != greatest else { return evidence(k, column, spread, level) }
    return self.spread(excluding: column).flatMap { evidence(k, column, $0, level) }
  }

  /// The columns whose errors could hold a change that is found.
  ///
  /// What a change leaves of a column is rounding still: as little of it, as in the quietest hundredth of the columns.
  private func promisingColumns(
    _ readable: [Int], _ spread: SpreadModel, _ thresholds: [Double]
  ) -> [Int] {
    let quiet = readable.map { errors.squares[$0] }.sorted()[readable.count / 100]
    let dimensions = Double(max(errors.rows.count - 2, 1))
    let least = thresholds.indices.reduce(Double.infinity) { least, k in
      let (square, share) = (thresholds[k] * thresholds[k], Double(spread.share[k]))
      return min(least, square * (1 - share) * spread.mean + quiet * (1 + square * share / dimensions))
    }
    return readable.filter { errors.squares[$0] >= least }
  }

  /// The readable weight of up to sixteen columns that comes nearest to being found, and how near; a screen in float32.
  private func bestOfStrip(
    _ columns: ArraySlice<Int>, _ spread: SpreadModel, _ thresholds: [Double]
  ) -> (input: Int, column: Int, ratio: Float)? {
    var best: (input: Int, column: Int, ratio: Float)?
    scan(columns, spread) { k, squares in
      let threshold = Float(thresholds[k])
      let ratios = squares / (threshold * threshold)
      guard ratios.max() > best?.ratio ?? 0 else { return }
      for (lane, column) in columns.enumerated()
      where ratios[lane] > best?.ratio ?? 0 && isReadable(k, column) {
        best = (k, column, ratios[lane])
      }
    }
    return best
  }

  /// t² of every weight of up to sixteen columns, input by input.
  func scan(_ columns: ArraySlice<Int>, _ spread: SpreadModel, _ visit: (Int, SIMD16<Float>) -> Void) {
    let errors = errors.lanes(columns)
    var own = SIMD16<Float>.zero
    for row in errors { own += row * row }
    let dimensions = Float(max(errors.count - 2, 1))
    for k in directions.indices where spread.freedom[k] > 0 {
      let z = Self.product(directions[k], errors)
      let square = z * z / spread.gain[k]
      let ofColumn = pointwiseMax(own - square, .zero) / dimensions
      let variance = Float(spread.mean) * (1 - spread.share[k]) + spread.share[k] * ofColumn
      visit(k, square / variance)
    }
  }

  /// Σ factor·error over rows, lane by lane.
  private static func product(_ factors: [Float], _ errors: [SIMD16<Float>]) -> SIMD16<Float> {
    let (factors, errors) = (factors.span, errors.span)
    var sum = SIMD16<Float>.zero
    for row in 0..<errors.count { sum += factors[row] * errors[row] }
    return sum
  }

  /// Terms that differ between rows by less than the resolution of their sum lose that difference whole, which looks as if
  /// their weight were 0.
  private func isReadable(_ k: Int, _ column: Int) -> Bool {
    let w = abs(weight[k, column])
    let mean = errors.rows.reduce(0) { $0 + input[$1, k] } / Double(errors.rows.count)
    let lost = errors.rows.reduce(0.0) { lost, row in
      lost + (abs(input[row, k] - mean) * w < 0.5 * scale[row * weight.columns + column] ? 1 : 0)
    }
    return w > 0 && lost < 0.25 * Double(errors.rows.count)
  }

  /// Weighs one candidate by its own column, in float64.
  private func evidence(
    _ k: Int, _ column: Int, _ spread: SpreadModel, _ level: EvidenceLevel
  ) -> WeightEvidence? {
    let elements = zip(errors.rows, errors.rowScale).map { row, scale in
      (x: input[row, k], r: residual[row * weight.columns + column], scale: scale)
    }
    let total = elements.reduce(0) { $0 + 1 / ($1.scale * $1.scale) }
    let meanInput = elements.reduce(0) { $0 + $1.x / ($1.scale * $1.scale * total) }
    let meanResidual = elements.reduce(0) { $0 + $1.r / ($1.scale * $1.scale * total) }
    let pairs = elements.map { (x: ($0.x - meanInput) / $0.scale, r: ($0.r - meanResidual) / $0.scale) }
    let norm = pairs.reduce(0) { $0 + $1.x * $1.x }
    guard norm > 0, spread.freedom[k] > 0 else { return nil }
    let change = pairs.reduce(0) { $0 + $1.x * $1.r } / norm
    let (gain, share) = (Double(spread.gain[k]), Double(spread.share[k]))
    let units = errors.columnSpread[column] * errors.columnSpread[column]
    let square = change * change * norm / units / gain
    let own = pairs.reduce(0) { $0 + $1.r * $1.r } / units
    let left = max(own - square, 0) / Double(max(pairs.count - 2, 1))
    let variance = spread.mean * (1 - share) + share * left
    let expected = weight[k, column]
    return WeightEvidence(
      input: k, output: column, expected: expected, found: expected + change,
      deviations: variance > 0 ? (square / variance).squareRoot() : .infinity, freedom: spread.freedom[k],
      threshold: StudentT.quantile(level.probability, freedom: spread.freedom[k]))
  }
}
