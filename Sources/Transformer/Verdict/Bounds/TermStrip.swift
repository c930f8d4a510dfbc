import CMoments

/// One side of eight sums of products, whose terms are measured together.
struct TermStrip {
  /// How many sums there are in one.
  static let width = 8

  private let factors: [SIMD8<Double>]

  /// Takes the factors of up to eight sums.
  ///
  /// - Parameter factor: that of one lane, at one of `depth` places.
  init(depth: Int, lanes: Range<Int>, _ factor: (_ place: Int, _ lane: Int) -> Double) {
    factors = (0..<depth).map { place in
      var factors = SIMD8<Double>.zero
      for lane in lanes { factors[lane - lanes.lowerBound] = factor(place, lane) }
      return factors
    }
  }

  /// Measures Σ xₖ·f of each lane, where f stands at the k-th of `places`.
  ///
  /// - Parameter knowsExact: whether both factors are what was multiplied, so that some products need no rounding.
  func terms(_ x: [Double], at places: [Int], knowsExact: Bool, _ rounding: Rounding) -> LaneTerms {
    var terms = LaneTerms()
    let exactness: Int32 = knowsExact ? (rounding.precision.type == .float64 ? 64 : 32) : 0
    withUnsafeMutableBytes(of: &terms) { terms in
      guard let results = terms.baseAddress else { return }
      touchstone_terms(
        x, places, x.count, factors, exactness, rounding.grantsLostTerms ? rounding.unit : 0, results)
    }
    return terms
  }
}

/// What is known of the terms of eight sums, lane by lane.
struct LaneTerms {
  private var absolute = SIMD8<Double>.zero
  private var squares = SIMD8<Double>.zero
  private var count = SIMD8<Double>.zero
  private var exact = SIMD8<Double>.zero
  private var lost = SIMD8<Double>.zero
  private var ordered = SIMD8<Double>.zero

  /// Those of one sum, whose value is `sum`.
  ///
  /// - Parameter isOrdered: whether the places are those of keys, whose order is not generic.
  func lane(_ lane: Int, sum: Double, repetition: Double, isOrdered: Bool = false) -> Terms {
    Terms(
      count: count[lane], absolute: absolute[lane], squares: squares[lane], sum: sum, exact: exact[lane],
      repetition: repetition, lost: lost[lane],
      ordered: isOrdered ? ordered[lane] : 0)
  }
}
