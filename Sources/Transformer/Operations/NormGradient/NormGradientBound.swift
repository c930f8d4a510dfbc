import TouchstoneGraph
import TouchstoneModel

extension NormGradient: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { [isCentred ? "BWD-7" : "BWD-8", "BND-53"] }

  /// The gradient of a norm that is composed of simpler operations is made of as many paths.
  func addedParts(of _: Operation) -> Int { isCentred ? 2 : 1 }

  /// Clauses: BND-53.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let (x, dy) = (site.activations[0], site.activations[1])
    let gain = site.parameters.first
    let gains = gain?.vector
    var values = x.values
    var bounds = [Bound](repeating: .zero, count: values.count)
    for run in values.normRuns(isJoined: isJoined) {
      let row = NormRun(x, run, epsilon: epsilon, isCentred: isCentred, rounding)
      let factors = run.indices.map { column in gains.map { offset + $0[column] } ?? 1 }
      let found = row.gradient(
        dy, factors: factors, ofFactors: (gain?.roundoff ?? 0) + (offset == 0 ? 0 : rounding.unit))
      for (column, place) in run.enumerated() {
        values.values[place] = found.values[column]
        bounds[place] = found.bounds[column]
      }
    }
    return Estimate(values: values, bounds: bounds)
  }
}

/// A run of numbers that a norm takes together, and how well an implementation can know its statistics.
struct NormRun {
  let places: [Int]
  let x: [Double]
  /// μ, or 0.
  let mean: Double
  /// I = 1/√(variance + ε).
  let inverse: Double
  /// x̂ = (x − μ)·I.
  let normalised: [Double]
  /// How far each x̂ may be off.
  let errors: [Bound]
  /// How far μ may be off.
  private let meanError: Bound
  /// How far I may be off, relatively.
  private let inverseError: Bound
  private let isCentred: Bool
  private let rounding: Rounding

  init(
    _ operand: Operand, _ places: [Int], epsilon: Double, isCentred: Bool, _ rounding: Rounding
  ) {
    let x = places.map { operand.values.values[$0] }
    let distances = operand.isExact ? nil : places.map(operand.distance(at:))
    let unit = rounding.unit
    let (mean, inverse, ofMean, ofInverse): (Double, Double, Bound, Bound)
    if isCentred {
      let row = RowStatistics(x, distances: distances, epsilon: epsilon, rounding: rounding)
      (mean, inverse, ofMean, ofInverse) = (row.mean, row.inverse, row.meanError, row.inverseError)
    } else {
      let run = RunStatistics(x, distances: distances, epsilon: epsilon, rounding)
      (mean, inverse, ofMean, ofInverse) = (0, run.inverse, .zero, run.inverseError)
    }
    normalised = x.map { ($0 - mean) * inverse }
    errors = x.indices.map { column in
      let ofDeviation = abs(x[column] - mean) * (ofInverse + 6 * unit)
      let own = (distances?[column] ?? .zero) + 2 * unit * (abs(x[column]) + abs(mean))
      return inverse * ((ofMean + own).scaled(byAnErrorOf: ofInverse) + ofDeviation)
    }
    (self.mean, self.inverse, meanError, inverseError) = (mean, inverse, ofMean, ofInverse)
    self.x = x
    self.places = places
    self.isCentred = isCentred
    self.rounding = rounding
  }

  /// I·(h − mean h − x̂·mean(h∘x̂)) for h = dy∘factors, and its bounds.
  ///
  /// The two sums may be those of dy·g·x and of dy·g, the mean taken out afterwards, where one pass is granted.
  ///
  /// - Parameter ofFactors: the relative rounding of the factors.
  func gradient(
    _ dy: Operand, factors: [Double], ofFactors: Double
  ) -> (values: [Double], bounds: [Bound]) {
    let unit = rounding.unit
    let n = Double(x.count)
    let gradients = places.map { dy.values.values[$0] }
    let h = zip(gradients, factors).map(*)
    let ofGradients = dy.isExact ? nil : places.map(dy.distance(at:))
    let ofH = h.indices.map { column in
      abs(factors[column]) * (ofGradients?[column] ?? .zero) + (unit + ofFactors) * abs(h[column])
    }
    let average = isCentred ? h.reduce(0, +) / n : 0
    let slope = zip(h, normalised).reduce(0) { $0 + $1.0 * $1.1 } / n
    let hTerms = rounding.terms(ofProducts: h)
    let ofHSum = rounding.ofSum(hTerms)
    var ofAverage = Bound.zero
    if isCentred {
      ofAverage = (1 / n) * ofHSum + 2 * unit * abs(average)
      for error in ofH where ofGradients != nil { ofAverage += (1 / n) * error }
    }
    var ofSlope = (inverse / n) * sumError(h, ofHSum)
    ofSlope += (abs(average) * inverse) * meanError
    ofSlope = ofSlope.scaled(byAnErrorOf: inverseError) + abs(slope) * (inverseError + 10 * unit)
    if ofGradients != nil {
      for (error, value) in zip(ofH, normalised) { ofSlope += (abs(value) / n) * error }
    }
    let values = h.indices.map { inverse * (h[$0] - average - normalised[$0] * slope) }
    let bounds = h.indices.map { column -> Bound in
      let y = abs(values[column])
      var inner = ofH[column] + ofAverage
      // Of a row that hardly varies x̂ may be off by more than it is.
      inner += ofSlope.combined(with: errors[column]) { $0 * (abs(normalised[column]) + $1) }
      inner += abs(slope) * errors[column]
      let rounded =
        3 * unit * inverse * (abs(h[column]) + abs(average))
        + 4 * unit * inverse * inverse * abs(slope) * (abs(x[column]) + abs(mean)) + unit * y
      let lost = (8 + 8 * inverse * (1 + abs(normalised[column])) * n) * rounding.underflow
      return inverse * inner.scaled(byAnErrorOf: inverseError) + y * (inverseError + 6 * unit)
        + (rounded + lost)
    }
    return (values, bounds)
  }

  /// How far Σ h·(x − μ) may be off, in either way to find it.
  private func sumError(_ h: [Double], _ ofHSum: Bound) -> Bound {
    let unit = rounding.unit
    let centred = zip(h, x).map { $0 * ($1 - mean) }
    let twoPass = rounding.ofSum(rounding.terms(ofProducts: centred), roundings: isCentred ? 3 : 2)
    guard isCentred, rounding.contract.allowsOnePassVariance else { return twoPass }
    let plain = zip(h, x).map(*)
    let (sumOfPlain, sumOfH) = (plain.reduce(0, +), h.reduce(0, +))
    let folded =
      rounding.ofSum(rounding.terms(ofProducts: plain), roundings: 2) + abs(mean) * ofHSum
      + 4 * unit * (abs(sumOfPlain) + abs(mean * sumOfH))
    return Bound.max(twoPass, folded)
  }
}

extension Bound {
  /// An error that is multiplied by a factor which itself is off, relatively.
  fileprivate func scaled(byAnErrorOf factor: Bound) -> Bound { combined(with: factor) { $0 * (1 + $1) } }
}

extension Rounding {
  /// The error of a sum whose terms are rounded several times before they are added.
  func ofSum(_ terms: Terms, roundings: Double) -> Bound {
    let more = roundings - 1
    let det = gamma(terms.count + more) * terms.absolute - gamma(terms.count) * terms.absolute
    let usual = contract.deviations * unit * (more * terms.repetition * terms.squares / 3).squareRoot()
    let worst = max(det, more * unit * terms.absolute)
    return ofSum(terms) + Bound(det: worst, prob: worst, stat: min(worst, usual))
  }
}
