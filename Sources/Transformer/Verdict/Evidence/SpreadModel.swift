import TouchstoneModel

/// How much rounding scatters the statistic of one input's weights, and how well these errors say so.
///
/// Rounding errors are no normal numbers of one variance: the partial sums of one element are larger than those of
/// another, and alike in rows that are alike. Given them the errors are independent, so that a statistic z = Σ a[t]·r[t, j]
/// (Σ a² = 1) is normal with the variance V = Σ a[t]²·V[t, j], where V is 1 on average over columns and has
///
///     cov(V[t, j], V[s, j]) = γ + κ·cos²(x[t], x[s]):
///
/// γ of what a whole column shares, κ of an element's partial sums, which are quadratic in what rows have in common. Both
/// follow from two moments that thousands of errors give, their kurtosis and the variance of the columns' mean squares.
/// V of one column is estimated from that column's own errors by the best linear rule (credibility, Bühlmann 1967; the
/// moderated t of Smyth 2004 where γ is all there is), v = m·(1 − β) + β·(own mean square), and what remains unknown of it
/// has the relative variance c. A normal number over the root of such a v is taken for Student's t with the
/// same kurtosis: ν = 4 + 2/c (NUM-16).
struct SpreadModel: Sendable {
  /// How much rounding scatters the statistic along one direction, and how well that is known.
  struct Weighing: Sendable {
    /// Where rows share errors besides, the variance along it over the mean one: aᵀ·G·a for the errors' second moments G, at
    /// least 1.
    let gain: Float
    /// β.
    let share: Float
    /// ν.
    let freedom: Double
    /// ν where a column's variance is taken from its own errors alone, β = 1.
    let freedomAlone: Double
  }

  /// That of each input, with rows in units of their scale; nil for one that has nothing to say.
  private(set) var inputs: [Weighing?] = []
  /// m: the mean square of the errors, over columns.
  var mean: Double { moments.mean }

  /// More columns than these say no more of G.
  private static let sampledColumns = 1024
  /// As many columns count for the rows being independent.
  private static let priorColumns = 8.0

  private let rowCount: Int
  private let columnCount: Int
  private let likeness: [Float]
  private let rowLikeness: [Double]
  private let meanLikeness: Double
  private let gram: Gram
  private let moments: Moments
  private let (gamma, kappa): (Double, Double)
  private let leastWeighed: Double

  /// - Parameters:
  ///   - errors: those of a product.
  ///   - excluded: a column that is left out of what says how columns are.
  ///   - directions: a: each input's, of length 1.
  ///   - likeness: cos² between rows.
  ///   - leastWeighed: how many rows a direction must weigh at least, 1/Σ a⁴.
  /// - Returns: nil where too few columns are left to say.
  init?(
    _ errors: StandardisedErrors, excluding excluded: Int, directions: [[Float]], likeness: [Float],
    leastWeighed: Double
  ) {
    let others = errors.readable.filter { $0 != excluded }
    guard others.count >= 4 else { return nil }
    let count = errors.rows.count
    gram = Self.gram(of: errors, others)
    moments = Moments(errors, others, gram: gram)
    guard moments.mean > 0 else { return nil }
    self.likeness = likeness
    self.leastWeighed = leastWeighed
    (rowCount, columnCount) = (count, others.count)
    rowLikeness = (0..<count).map { likeness[$0 * count..<($0 + 1) * count].mean }
    meanLikeness = likeness.mean
    (gamma, kappa) = moments.spread(meanLikeness: meanLikeness)
    for first in stride(from: 0, to: directions.count, by: 16) {
      inputs += weighings(directions[first..<min(first + 16, directions.count)])
    }
  }

  /// How much each of up to sixteen directions scatters; nil for one that weighs too few rows.
  func weighings(_ directions: ArraySlice<[Float]>) -> [Weighing?] {
    let own = moments.freedom
    let overDimensions = 1 / Double(rowCount - 1)
    // What the column's own mean square is off by itself, so that γ alone gives Student's t with its freedom.
    let ofOwn = own > 4 ? 2 / (own - 4) : .infinity
    let ofMean = gamma + kappa * meanLikeness
    let least = 1 / (1 / max(ofMean, 1e-12) + 1 / ofOwn)
    let total = gamma + kappa * (meanLikeness + overDimensions) + ofOwn

    let a = Self.transposed(directions, rowCount)
    let b = a.map { $0 * $0 }
    let (alongGram, alongLikeness) = (Self.quadratic(gram.matrix, a), Self.quadratic(likeness, b))
    return (0..<directions.count).map { lane in
      let weights = b.map { Double($0[lane]) }
      let concentration = weights.reduce(0) { $0 + $1 * $1 }
      guard concentration > 0, concentration * leastWeighed <= 1 else { return nil }
      let relative = Double(alongGram[lane]) / gram.mean
      let gain = max(1, (gram.columns * relative + Self.priorColumns) / (gram.columns + Self.priorColumns))
      let ofInput = gamma + kappa * Double(alongLikeness[lane])
      // An element's own square says something of its V, for it is part of both.
      let common =
        gamma + kappa * (zip(weights, rowLikeness).reduce(0) { $0 + $1.0 * $1.1 } + overDimensions)
      let beta = total.isFinite ? min(max(common / total, 0), 1) : 0
      func freedom(_ beta: Double) -> Double {
        guard beta == 0 || total.isFinite else { return 4 }
        let unknown = ofInput - 2 * beta * common + (beta > 0 ? beta * beta * total : 0)
        return 4 + 2 / (max(unknown, least) + 2 / (Double(columnCount) * moments.dimensions))
      }
      return Weighing(
        gain: Float(gain), share: Float(beta), freedom: freedom(beta), freedomAlone: freedom(1))
    }
  }

  /// Sixteen directions side by side, row by row.
  private static func transposed(_ directions: ArraySlice<[Float]>, _ count: Int) -> [SIMD16<Float>] {
    (0..<count).map { row in
      var lanes = SIMD16<Float>.zero
      for (lane, direction) in directions.enumerated() { lanes[lane] = direction[row] }
      return lanes
    }
  }

  /// vᵀ·M·v for sixteen v.
  private static func quadratic(_ matrix: [Float], _ v: [SIMD16<Float>]) -> SIMD16<Float> {
    let (matrix, v) = (matrix.span, v.span)
    var sum = SIMD16<Float>.zero
    for row in 0..<v.count {
      var inner = SIMD16<Float>.zero
      for other in 0..<v.count { inner += v[other] * matrix[row * v.count + other] }
      sum += v[row] * inner
    }
    return sum
  }

  /// G, the mean over columns of errors times errors.
  private struct Gram: Sendable {
    /// [rows, rows].
    var matrix: [Float]
    /// Of how many columns.
    let columns: Double
    /// The mean of the eigenvalues but that of the mean, which was taken out.
    let mean: Double
    /// How many rows vary independently: (tr G)²/tr G², less what the sampling of columns adds.
    let dimensions: Double
  }

  private static func gram(of errors: StandardisedErrors, _ others: [Int]) -> Gram {
    let count = errors.rows.count
    let step = max(1, others.count / sampledColumns)
    let sample = stride(from: 0, to: others.count, by: step).map { others[$0] }
    let strips = stride(from: 0, to: sample.count, by: 16).map { first in
      errors.lanes(sample[first..<min(first + 16, sample.count)])
    }
    var matrix = [Float](repeating: 0, count: count * count)
    var (trace, squares) = (0.0, 0.0)
    for row in 0..<count {
      for other in 0...row {
        let product = strips.reduce(SIMD16<Float>.zero) { $0 + $1[row] * $1[other] }.sum()
        let mean = product / Float(sample.count)
        (matrix[row * count + other], matrix[other * count + row]) = (mean, mean)
        squares += (row == other ? 1 : 2) * Double(mean * mean)
        if row == other { trace += Double(mean) }
      }
    }
    let greatest = Double(count - 1)
    let ofSampling = trace * trace / Double(sample.count)
    return Gram(
      matrix: matrix, columns: Double(sample.count), mean: trace / greatest,
      dimensions: min(greatest, trace * trace / max(squares - ofSampling, trace * trace / greatest)))
  }

  /// What the columns' errors are like, and how well that many columns say it.
  private struct Moments: Sendable {
    /// The mean square, over D = rows − 1.
    let mean: Double
    /// How many dimensions the errors of a column have.
    let dimensions: Double
    /// The degrees of freedom of a column's mean square once one direction is taken out.
    var freedom: Double { dimensions - 1 }
    /// The relative variance of the columns' mean squares, and what it may be off by.
    private let variance: (value: Double, error: Double)
    /// E r⁴/3(E r²)² − 1, and what it may be off by.
    private let excess: (value: Double, error: Double)

    init(_ errors: StandardisedErrors, _ others: [Int], gram: Gram) {
      let (n, rows) = (Double(others.count), Double(errors.rows.count))
      let mean = others.reduce(0) { $0 + errors.squares[$1] } / n / (rows - 1)
      var (second, fourth, kurtosis, ofKurtosis) = (0.0, 0.0, 0.0, 0.0)
      // Both moments are relative to the mean square of an error, which is less than that over D by what the mean took.
      let square = mean * (rows - 1) / rows
      for column in others {
        let deviation = errors.squares[column] / (rows - 1) / mean - 1
        second += deviation * deviation
        fourth += deviation * deviation * deviation * deviation
        let own = errors.fourths[column] / rows / (square * square)
        kurtosis += own
        ofKurtosis += own * own
      }
      (second, fourth, kurtosis, ofKurtosis) = (second / n, fourth / n, kurtosis / n, ofKurtosis / n)
      let measured = (max(fourth - second * second, 0) / n).squareRoot()
      let expected = second * ((2 + 12 / gram.dimensions) / n).squareRoot()
      variance = (second, max(measured, expected))
      let spread = max(ofKurtosis - kurtosis * kurtosis, 96 / rows)
      excess = (kurtosis / 3 - 1, (spread / n).squareRoot() / 3)
      self.mean = mean
      dimensions = gram.dimensions
    }

    /// γ and κ, each as great as it may be.
    func spread(meanLikeness: Double) -> (gamma: Double, kappa: Double) {
      let kurtosis = max(0, excess.value + excess.error)
      let ofColumns = max(
        0, variance.value + variance.error - 2 / dimensions * (1 + max(0, excess.value)))
      let kappa =
        kurtosis > ofColumns ? min(kurtosis, (kurtosis - ofColumns) / max(1 - meanLikeness, 1e-6)) : 0
      return (max(ofColumns - kappa * meanLikeness, 0), kappa)
    }
  }
}

extension Collection<Float> {
  /// The arithmetic mean.
  fileprivate var mean: Double { reduce(0.0) { $0 + Double($1) } / Double(count) }
}
