import Foundation
import TouchstoneGraph
import TouchstoneModel

extension ActivationFunction: Bounded {
  var isElementwise: Bool { true }

  /// Clauses: BND-11, BND-22.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    return Estimate(
      values: value,
      bounds: rounding.ofActivation(function, value, site.activations[0], storedAs: site.storedType))
  }
}

extension Rounding {
  /// Bounds of the feed-forward nonlinearity.
  ///
  /// Implementations in a narrow type may round every step of it to that type, not the result alone.
  ///
  /// - Parameter type: what every step may be stored in; that of the precision unless given.
  func ofActivation(
    _ function: ActivationFunction.Function, _ value: Tensor<Double>, _ input: Operand,
    storedAs type: ScalarType? = nil
  ) -> [Bound] {
    let unit = max(unit, (type ?? precision.type).unitRoundoff)
    return value.values.indices.map { offset in
      let (x, y) = (input.values.values[offset], value.values[offset])
      // What overflowed is no number that could be off by something; its limit is exact.
      guard x.isFinite else { return Bound(underflow) }
      return ofInput(function, x, input.distance(at: offset)) + ofFunction(function, x, y, unit)
    }
  }

  /// What an error of the input becomes.
  ///
  /// A function that is steep somewhere passes it on by the greatest |f′| anywhere: GELU's is 1.1290 at x ≈ 1.41, for
  /// either form, and that of x·σ(c·x) 1.0998 at c·x ≈ 2.40, for every c.
  private func ofInput(_ function: ActivationFunction.Function, _ x: Double, _ error: Bound) -> Bound {
    switch function {
    case .relu, .tanh: error
    case .geluTanh, .geluFast, .geluBloom, .geluErf: 1.13 * error
    case .silu, .quickGELU: 1.1 * error
    case .sigmoid: 0.25 * error
    case .reluSquared: error.map { (2 * max(0, x) + $0) * $0 }
    }
  }

  /// The error of computing the function itself.
  private func ofFunction(
    _ function: ActivationFunction.Function, _ x: Double, _ y: Double, _ unit: Double
  ) -> Double {
    switch function {
    case .relu: underflow
    case .reluSquared: unit * y + underflow
    case .geluTanh, .geluFast, .geluBloom: ofGELUTanh(function.tanhFactor ?? 0, x, y, unit)
    case .geluErf: ofGELUErf(x, y, unit)
    case .silu: abs(x) * ofSigmoid(x, 0, unit) + unit * abs(y) + underflow
    case .quickGELU: abs(x) * ofSigmoid(1.702 * x, 2, unit) + unit * abs(y) + underflow
    case .sigmoid: ofSigmoid(x, 0, unit)
    case .tanh: ofOwn(contract.tanh, y, unit) + underflow
    }
  }

  /// The error of tanh or erf itself, whose value is `t`.
  ///
  /// Nobody computes them in 16 bits: they are found in float32 and rounded, or by hardware to a unit in the last place.
  func ofOwn(_ multiple: Double, _ t: Double, _ unit: Double) -> Double {
    multiple * self.unit * min(abs(t) + 0.5, 1) + ofStep(unit) * abs(t)
  }

  /// The relative rounding of a function's value that is stored in a narrow type, twice as much as to nearest.
  private func ofStep(_ unit: Double) -> Double { unit > self.unit ? 2 * unit : 0 }

  /// σ(z) by exp, or as ½·(1 + tanh(z/2)), whichever errs by more.
  ///
  /// By exp: the exponent to 4 u of its own and of z, exp as the contract says, a sum and a quotient; and where e^(−z)
  /// overflows, nothing is left of σ. By tanh: as the contract says, and a sum.
  ///
  /// - Parameter roundings: those of z, in units of u.
  private func ofSigmoid(_ z: Double, _ roundings: Double, _ unit: Double) -> Double {
    let value = 1 / (1 + exp(-z))
    // σ·(1 − σ), without cancellation.
    let slope = value / (1 + exp(z))
    let ofArgument = slope == 0 ? 0 : slope * roundings * unit * abs(z)
    let byExponential =
      (slope == 0 ? 0 : slope * ((contract.exponential + 4 * abs(z)) * self.unit + ofStep(unit)))
      + 2 * unit * value
    let t = tanh(z / 2)
    let byTanh = 0.5 * (ofOwn(contract.tanh, t, unit) + unit * abs(1 + t))
    return ofArgument + max(byExponential, byTanh) + underflow
  }

  /// GELU by tanh: the argument to 8 u, tanh as the contract says, then three roundings.
  ///
  /// For x < 0 the sum 1 + tanh cancels, so the error is absolute, not relative to y.
  private func ofGELUTanh(_ factor: Double, _ x: Double, _ y: Double, _ unit: Double) -> Double {
    let z = factor * (x + 0.044715 * x * x * x)
    let t = tanh(z)
    let slope = 1 - t * t
    let inner =
      (slope == 0 ? 0 : slope * 8 * unit * abs(z))
      + ofOwn(contract.tanh, t, unit) + unit * abs(1 + t)
    return 0.5 * abs(x) * inner + 3 * unit * abs(y) + underflow
  }

  /// GELU by erf: the argument to 3 u, erf as the contract says, then three roundings.
  private func ofGELUErf(_ x: Double, _ y: Double, _ unit: Double) -> Double {
    let z = x / 2.0.squareRoot()
    let e = erf(z)
    let slope = 2 / Double.pi.squareRoot() * exp(-z * z)
    let inner =
      (slope == 0 ? 0 : slope * 3 * unit * abs(z))
      + ofOwn(contract.erf, e, unit) + unit * abs(1 + e)
    return 0.5 * abs(x) * inner + 3 * unit * abs(y) + underflow
  }
}
