import Foundation
import TouchstoneGraph
import TouchstoneModel

extension ActivationFunction: Bounded {
  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] {
    if limit != nil { return ["GLU-4", "BND-39"] }
    return switch function {
    case .relu: ["FFN-5", "BND-11"]
    case .geluTanh: ["FFN-3", "BND-11"]
    case .geluErf: ["FFN-4", "BND-11"]
    case .geluFast, .geluBloom: ["FFN-15", "BND-11"]
    case .reluSquared, .silu, .quickGELU, .tanh, .sigmoid: ["GLU-2", "BND-22"]
    }
  }

  var isElementwise: Bool { true }

  /// Clipping brings no two arguments further apart; the limit itself is read in the type.
  ///
  /// Clauses: BND-11, BND-22, BND-39.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    return Estimate(
      values: value,
      bounds: rounding.ofActivation(
        function, value, clipped(site.activations[0], rounding), storedAs: site.storedType))
  }
}

extension ActivationFunction {
  /// What the function is applied to.
  private func clipped(_ x: Operand, _ rounding: Rounding) -> Operand {
    guard let limit else { return x }
    let ofLimit = limit * rounding.precision.type.unitRoundoff
    let errors = x.values.values.indices.map { offset in
      let read = x.values.values[offset]
      return x.distance(at: offset).map { error in
        if read - error > limit { return ofLimit }
        return read + error > limit ? error + ofLimit : error
      }
    }
    return Operand(values: Tensor(x.values.values.map(clipped), shape: x.values.shape), error: errors)
  }

  var waysToRoundOnce: [Alternative] {
    if case .relu = function { return [] }
    return [Alternative(policy: .roundedOnce, roundsOnce: true)]
      + (function.isOfTanh
        ? [Alternative(policy: .hardwareTanh, roundsOnce: true, findsTanhByHardware: true)] : [])
  }

  /// What it reads may never have been rounded.
  func alternatives(to operation: TouchstoneGraph.Operation, in model: Alternatives) -> [Alternative] {
    model.ofUnroundedInput(operation)
  }

  func alternativesInReading(
    _ operation: TouchstoneGraph.Operation, in model: Alternatives
  ) -> [Alternative] { model.ofUnroundedInput(operation) }

  /// Every step stored, or the inner function alone.
  func stepped(_ site: JudgedSite, to type: ScalarType) -> [Tensor<Double>] {
    let x = site.activations[0].values
    let every: (Double) -> Double = { type.rounded($0) }
    let steps: [(Double) -> Double] = [every, { $0 }]
    return steps.map { store in
      Tensor(x.values.map { function.stepped($0, store: store, storeInner: every) }, shape: x.shape)
    }
  }
}

extension ActivationFunction.Function {
  /// Whether it is usually found by tanh.
  fileprivate var isOfTanh: Bool {
    switch self {
    case .geluTanh, .geluFast, .geluBloom, .tanh, .sigmoid, .silu, .quickGELU: true
    case .relu, .reluSquared, .geluErf: false
    }
  }

  /// The value at x as it is written, its inner function and its other steps stored by themselves.
  fileprivate func stepped(
    _ x: Double, store: (Double) -> Double, storeInner: (Double) -> Double
  ) -> Double {
    func gelu(_ inner: Double) -> Double { store(0.5 * x) * store(1 + storeInner(inner)) }
    func sigmoid(_ z: Double) -> Double { storeInner(1 / store(1 + store(exp(-z)))) }
    switch self {
    case .relu: return max(0, x)
    case .reluSquared: return max(0, x) * max(0, x)
    case .tanh: return Foundation.tanh(x)
    case .sigmoid: return 1 / store(1 + store(exp(-x)))
    case .silu: return x * sigmoid(x)
    case .quickGELU: return x * sigmoid(store(1.702 * x))
    case .geluErf: return gelu(erf(store(x / 2.0.squareRoot())))
    case .geluTanh, .geluFast, .geluBloom:
      let cube = store(store(x * x) * x)
      return gelu(Foundation.tanh(store((tanhFactor ?? 0) * store(x + store(0.044715 * cube)))))
    }
  }
}

extension Rounding {
  /// The same arithmetic with a tanh of 11 bits (`tanh.approx` of NVIDIA's PTX).
  var withHardwareTanh: Rounding {
    var rounding = self
    rounding.contract.relativeTanh = 0x1p-11
    return rounding
  }

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
    multiple * self.unit * min(abs(t) + 0.5, 1) + (ofStep(unit) + contract.relativeTanh) * abs(t)
  }

  /// The relative rounding of a function's value that is stored in a narrow type, twice as much as to nearest.
  private func ofStep(_ unit: Double) -> Double { unit > self.unit ? 2 * unit : 0 }

  /// σ(z) by exp, or as ½·(1 + tanh(z/2)), whichever errs by more.
  ///
  /// By exp: the exponent to 4 u of its own and of z, exp as the contract says, a sum and a quotient; and where e^(−z)
  /// overflows, nothing is left of σ. By tanh: as the contract says, and a sum.
  ///
  /// - Parameter roundings: those of z, in units of u.
  func ofSigmoid(_ z: Double, _ roundings: Double, _ unit: Double) -> Double {
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
