import TouchstoneModel

/// The search for one wrong weight in x·W + b.
struct WeightSearch: Sendable {
  /// x, [T, K].
  private let input: Tensor<Double>
  /// W, as [K, N].
  private let weight: MatrixView
  /// got − want, [T, N].
  private let residual: [Double]
  /// What the bounds say that rounding leaves in each element: [T, N].
  private let scale: [Double]
  /// The errors in units of what it does leave.
  let errors: StandardisedErrors
  private let centred: [[Float]]
  private let likeness: [Float]

  /// Fewer rows than this do not say what rounding is.
  private static let fewestRows = 4
  /// What weighs fewer would be a comparison of a single element.
  private static let leastWeighed = 3.0
  /// So many columns are weighed by themselves, those that come nearest to being found.
  private static let weighedColumns = 16

  /// A weight, and how near it comes to being found: t² over its threshold's square.
  struct Candidate: Sendable {
    let input: Int
    let column: Int
    let ratio: Float
  }

  /// - Parameters:
  ///   - scale: what the bounds say that rounding leaves in each element, [T, N].
  ///   - result: want, [T, N].
  /// - Returns: nil where nothing was rounded, or too few rows differ.
  init?(
    input: Tensor<Double>, weight: MatrixView, residual: [Double], scale: [Double], result: [Double]
  ) {
    guard
      let errors = StandardisedErrors(
        input: input, residual: residual, scale: scale, result: result, columns: weight.columns,
        fewestRows: Self.fewestRows)
    else { return nil }
    self.input = input
    self.weight = weight
    self.residual = residual
    self.scale = scale
    self.errors = errors
    centred = errors.centred(input)
    likeness = errors.likeness(of: input)
  }

  /// How columns other than one are rounded.
  func spread(excluding column: Int) -> SpreadModel? {
    SpreadModel(
      errors, excluding: column, directions: errors.directions(centred), likeness: likeness,
      leastWeighed: Self.leastWeighed)
  }

  /// What is searched, and the weight that stands out most; nil where nothing can be told from rounding at all.
  func found(_ level: EvidenceLevel) -> (searched: SearchedWeights, best: WeightEvidence?)? {
    let readable = errors.readable
    // A wrong weight makes its column the one with the greatest errors, which must not say what rounding is.
    guard let greatest = readable.max(by: { errors.squares[$0] < errors.squares[$1] }),
      let spread = spread(excluding: greatest)
    else { return nil }
    let thresholds = spread.inputs.map { $0.map { level.threshold(freedom: $0.freedom) } ?? .infinity }
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
      return nearest(columns, spread, thresholds)
    }
    let candidates = strips.joined().sorted { $0.ratio > $1.ratio }.prefix(Self.weighedColumns)
    let weighings = weighed(Array(candidates), spread).compactMap { $0.map { self.evidence($0, level) } }
    guard let best = weighings.max(by: { $0.ratio < $1.ratio })
    else { return nil }
    guard best.output != greatest else { return best }
    let candidate = Candidate(input: best.input, column: best.output, ratio: 0)
    return self.spread(excluding: best.output).flatMap { weighed([candidate], $0)[0] }
      .map { self.evidence($0, level) }
  }

  /// The columns whose errors could hold a change that is found.
  ///
  /// What a change leaves of a column is rounding still: as little of it, as in the quietest hundredth of the columns.
  private func promisingColumns(
    _ readable: [Int], _ spread: SpreadModel, _ thresholds: [Double]
  ) -> [Int] {
    let quiet = readable.map { errors.squares[$0] }.sorted()[readable.count / 100]
    let dimensions = Double(max(errors.rows.count - 2, 1))
    var least = Double.infinity
    for (threshold, weighing) in zip(thresholds, spread.inputs) {
      guard let weighing else { continue }
      let (square, share) = (threshold * threshold, Double(weighing.share))
      least = min(least, square * (1 - share) * spread.mean + quiet * (1 + square * share / dimensions))
    }
    return readable.filter { errors.squares[$0] >= least }
  }

  /// The weight of each of up to sixteen columns that comes nearest to being found; a screen in float32, with the spread that
  /// its input has in units of the rows' scale.
  private func nearest(
    _ columns: ArraySlice<Int>, _ spread: SpreadModel, _ thresholds: [Double]
  ) -> [Candidate] {
    var (ratio, inputs) = (SIMD16<Float>.zero, [Int](repeating: 0, count: columns.count))
    scan(columns, spread) { k, squares in
      let threshold = Float(thresholds[k])
      let ratios = squares / (threshold * threshold)
      guard any(ratios .> ratio) else { return }
      for (lane, column) in columns.enumerated()
      where ratios[lane] > ratio[lane] && isReadable(k, column) && isSpread(k, column) {
        (ratio[lane], inputs[lane]) = (ratios[lane], k)
      }
    }
    return zip(columns, inputs).enumerated().compactMap { lane, found in
      ratio[lane] > 0 ? Candidate(input: found.1, column: found.0, ratio: ratio[lane]) : nil
    }
  }

  /// t² of every weight of up to sixteen columns, input by input.
  func scan(_ columns: ArraySlice<Int>, _ spread: SpreadModel, _ visit: (Int, SIMD16<Float>) -> Void) {
    let (errors, inverses) = (errors.lanes(columns), errors.inverses(columns))
    var own = SIMD16<Float>.zero
    for row in errors { own += row * row }
    let dimensions = Float(max(errors.count - 2, 1))
    let weights = inverses.map { $0 * $0 }
    let total = pointwiseMax(weights.reduce(.zero, +), SIMD16(repeating: .leastNormalMagnitude))
    let scaled = zip(errors, inverses).map { $0 * $1 }
    for k in centred.indices {
      guard let weighing = spread.inputs[k] else { continue }
      let (cross, norm) = Self.products(centred[k], scaled, weights, total)
      let square = cross * cross / norm
      let ofColumn = pointwiseMax(own - square, .zero) / dimensions
      let variance = Float(spread.mean) * (1 - weighing.share) + weighing.share * ofColumn
      visit(k, square / weighing.gain / variance)
    }
  }

  /// Σ x·r/σ² and Σ (x − mean)²/σ² over rows, lane by lane.
  private static func products(
    _ x: [Float], _ scaled: [SIMD16<Float>], _ weights: [SIMD16<Float>], _ total: SIMD16<Float>
  ) -> (cross: SIMD16<Float>, norm: SIMD16<Float>) {
    let (x, scaled, weights) = (x.span, scaled.span, weights.span)
    var (cross, sum, squares) = (SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero)
    for row in 0..<weights.count {
      let weighted = x[row] * weights[row]
      cross += x[row] * scaled[row]
      sum += weighted
      squares += x[row] * weighted
    }
    let least = pointwiseMax(1e-5 * squares, SIMD16(repeating: .leastNormalMagnitude))
    return (cross, pointwiseMax(squares - sum * sum / total, least))
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

  /// Whether a weight is seen in enough rows of its column.
  private func isSpread(_ k: Int, _ column: Int) -> Bool {
    let fourths = regression(k, column).direction.reduce(0) { $0 + $1 * $1 * $1 * $1 }
    return Self.leastWeighed * Double(fourths) <= 1
  }

  /// The errors of one column held against one input, in float64.
  private struct Regression {
    /// a.
    let direction: [Float]
    /// By how much the weight would have to be off.
    let change: Double
    /// (Σ a·r/σ)².
    let square: Double
    /// Σ (r/σ)², r without its mean.
    let own: Double
  }

  private func regression(_ k: Int, _ column: Int) -> Regression {
    let elements = errors.rows.enumerated().map { index, row in
      let inverse = 1 / errors.deviations[index * weight.columns + column]
      return (x: input[row, k] * inverse, r: residual[row * weight.columns + column] * inverse, one: inverse)
    }
    let total = elements.reduce(0) { $0 + $1.one * $1.one }
    let meanInput = elements.reduce(0) { $0 + $1.x * $1.one } / total
    let meanResidual = elements.reduce(0) { $0 + $1.r * $1.one } / total
    let pairs = elements.map { (x: $0.x - meanInput * $0.one, r: $0.r - meanResidual * $0.one) }
    let norm = pairs.reduce(0) { $0 + $1.x * $1.x }
    let length = norm.squareRoot()
    let cross = pairs.reduce(0) { $0 + $1.x * $1.r }
    return Regression(
      direction: pairs.map { norm > 0 ? Float($0.x / length) : 0 }, change: norm > 0 ? cross / norm : 0,
      square: norm > 0 ? cross * cross / norm : 0, own: pairs.reduce(0) { $0 + $1.r * $1.r })
  }

  /// One weight, held against its own column.
  struct Weighed: Sendable {
    let candidate: Candidate
    /// By how much the weight would have to be off.
    let change: Double
    /// t.
    let deviations: Double
    /// ν.
    let freedom: Double
    /// The same with the variance of the column's own errors alone.
    let alone: (deviations: Double, freedom: Double)
  }

  /// Weighs up to sixteen candidates by their own columns, in float64; nil where one weighs too few rows.
  func weighed(_ candidates: [Candidate], _ spread: SpreadModel) -> [Weighed?] {
    let regressions = candidates.map { regression($0.input, $0.column) }
    let weighings = spread.weighings(regressions.map(\.direction)[...])
    return zip(candidates, zip(regressions, weighings)).map { candidate, parts in
      guard let weighing = parts.1 else { return nil }
      let left = max(parts.0.own - parts.0.square, 0) / Double(max(errors.rows.count - 2, 1))
      let share = Double(weighing.share)
      func deviations(_ variance: Double) -> Double {
        variance > 0 ? (parts.0.square / Double(weighing.gain) / variance).squareRoot() : .infinity
      }
      return Weighed(
        candidate: candidate, change: parts.0.change,
        deviations: deviations(spread.mean * (1 - share) + share * left), freedom: weighing.freedom,
        alone: (deviations(left), weighing.freedomAlone))
    }
  }

  /// Told by whichever says less of a weight: all columns, among the weights of the model, or its own alone, among the weights
  /// of that, for a column may be summed like no other.
  private func evidence(_ weighed: Weighed, _ level: EvidenceLevel) -> WeightEvidence {
    let (k, column) = (weighed.candidate.input, weighed.candidate.column)
    let expected = weight[k, column]
    func evidence(_ deviations: Double, _ freedom: Double, _ level: EvidenceLevel) -> WeightEvidence {
      WeightEvidence(
        input: k, output: column, expected: expected, found: expected + weighed.change,
        deviations: deviations, freedom: freedom,
        threshold: StudentT.quantile(level.probability, freedom: freedom))
    }
    let ofAll = evidence(weighed.deviations, weighed.freedom, level)
    let ofColumn = evidence(
      weighed.alone.deviations, weighed.alone.freedom, EvidenceLevel(hypotheses: input.rowWidth))
    return ofColumn.ratio < ofAll.ratio ? ofColumn : ofAll
  }
}
