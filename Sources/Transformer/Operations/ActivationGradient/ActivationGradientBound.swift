import Foundation
import TouchstoneGraph
import TouchstoneModel

extension ActivationGradient: Bounded {
  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] { ["BWD-10", "BND-55"] }

  var isElementwise: Bool { true }
  var isByRow: Bool { true }

  /// Where an argument that is known only within an error may be clipped or not, either is right.
  ///
  /// Clauses: BND-55.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let (input, gradient) = (site.activations[0], site.activations[1])
    let unit = max(rounding.unit, site.storedType.unitRoundoff)
    let bounds = value.values.indices.map { place -> Bound in
      let (x, dy) = (input.values.values[place], gradient.values.values[place])
      let slope = abs(function.slope(at: x))
      let ofLimit = ofLimit(x, input.distance(at: place), abs(dy) * slope)
      guard !clips(x) else { return ofLimit }
      let passed =
        slope * gradient.distance(at: place)
        + (abs(dy) + gradient.error(at: place).det) * ofInput(x, input.distance(at: place))
      let own = abs(dy) * rounding.ofSlope(function, x, unit) + unit * abs(value.values[place])
      return passed + ofLimit + (own + (2 + abs(dy)) * rounding.underflow)
    }
    return Estimate(values: value, bounds: bounds)
  }

  /// What it comes to whether an argument is clipped.
  private func ofLimit(_ x: Double, _ error: Bound, _ gradient: Double) -> Bound {
    guard let limit else { return .zero }
    return error.map { abs(x - limit) < $0 ? gradient : 0 }
  }

  /// What an error of the input becomes: no second derivative is greater.
  private func ofInput(_ x: Double, _ error: Bound) -> Bound {
    switch function {
    case .relu: error.map { abs(x) <= $0 && $0 > 0 ? 1 : 0 }
    case .reluSquared: 2 * error
    case .geluErf, .geluTanh, .geluFast, .geluBloom, .tanh: 0.8 * error
    case .silu: 0.51 * error
    case .quickGELU: 0.86 * error
    case .sigmoid: 0.1 * error
    }
  }
}

extension Rounding {
  /// How far f′(x) may be off before it is multiplied.
  fileprivate func ofSlope(_ function: ActivationFunction.Function, _ x: Double, _ unit: Double) -> Double {
    switch function {
    case .relu: 0
    case .reluSquared: unit * function.slope(at: x)
    case .silu: ofGatedSlope(x, gate: 1, roundings: 0, unit)
    case .quickGELU: ofGatedSlope(x, gate: 1.702, roundings: 2, unit)
    case .geluTanh, .geluFast, .geluBloom: ofSlopeOfGELU(function, x, unit)
    case .geluErf: ofSlopeByErf(x, unit)
    case .tanh: ofSquaredTanh(tanh(x), error: ofOwn(contract.tanh, tanh(x), unit), unit)
    case .sigmoid: ofSlopeOfSigmoid(x, unit)
    }
  }

  /// σ·(1 − σ).
  private func ofSlopeOfSigmoid(_ x: Double, _ unit: Double) -> Double {
    let open = 1 / (1 + exp(-x))
    return abs(1 - 2 * open) * ofSigmoid(x, 0, unit) + 3 * unit * open * (1 - open) + unit * open
  }

  /// 1 − t², which cancels, or 1/cosh².
  func ofSquaredTanh(_ t: Double, error: Double, _ unit: Double) -> Double {
    2 * abs(t) * error + unit * t * t + 14 * unit * (1 - t * t)
  }

  /// σ·(1 + c·x·(1 − σ)).
  private func ofGatedSlope(_ x: Double, gate: Double, roundings: Double, _ unit: Double) -> Double {
    let z = gate * x
    let (open, closed) = (1 / (1 + exp(-z)), 1 / (1 + exp(z)))
    let error = ofSigmoid(z, roundings, unit)
    let inner = 1 + z * closed
    return abs(inner) * error + open * abs(z) * (error + unit * closed) + 3 * unit * open * abs(inner)
      + unit * open * (1 + (2 + roundings) * abs(z) * closed)
  }

  /// ½·(1 + t) + ½·x·z′·(1 − t²) for t = tanh z.
  private func ofSlopeOfGELU(_ function: ActivationFunction.Function, _ x: Double, _ unit: Double) -> Double {
    let factor = function.tanhFactor ?? 0
    let z = factor * (x + 0.044715 * x * x * x)
    let slope = factor * (1 + 3 * 0.044715 * x * x)
    let t = tanh(z)
    let q = 1 - t * t
    let ofTanh = (q == 0 ? 0 : q * 8 * unit * abs(z)) + ofOwn(contract.tanh, t, unit)
    let ofSquare = ofSquaredTanh(t, error: ofTanh, unit)
    return 0.5 * ofTanh + unit * abs(1 + t) + 0.5 * abs(x) * slope * (ofSquare + 6 * unit * q)
      + 2 * unit * abs(function.slope(at: x))
  }

  /// Φ(x) + x·φ(x).
  private func ofSlopeByErf(_ x: Double, _ unit: Double) -> Double {
    let z = x / 2.0.squareRoot()
    let e = erf(z)
    let slope = 2 / Double.pi.squareRoot() * exp(-z * z)
    let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
    let ofErf = (slope == 0 ? 0 : slope * 3 * unit * abs(z)) + ofOwn(contract.erf, e, unit)
    let ofDensity = density == 0 ? 0 : abs(x) * density * unit * (10 + 4 * x * x)
    return 0.5 * ofErf + unit * abs(1 + e) + ofDensity
      + 2 * unit * abs(ActivationFunction.Function.geluErf.slope(at: x))
  }
}
