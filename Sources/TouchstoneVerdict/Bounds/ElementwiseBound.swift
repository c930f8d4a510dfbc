import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Rounding {
  /// Bounds of a + b: one rounding.
  func ofAddition(_ value: Tensor<Double>, _ left: Operand, _ right: Operand) -> [Bound] {
    value.values.indices.map { offset in
      left.distance(at: offset) + right.distance(at: offset)
        + (unit * abs(value.values[offset]) + underflow)
    }
  }

  /// Bounds of the feed-forward nonlinearity.
  ///
  /// Implementations in a narrow type may round every step of it to that type, not the result alone.
  ///
  /// - Parameter type: what every step may be stored in; that of the precision unless given.
  func ofActivation(
    _ function: ActivationFunction, _ value: Tensor<Double>, _ input: Operand,
    storedAs type: ScalarType? = nil
  ) -> [Bound] {
    let unit = max(unit, (type ?? precision.type).unitRoundoff)
    return value.values.indices.map { offset in
      let (x, y) = (input.values.values[offset], value.values[offset])
      // What overflowed is no number that could be off by something; its limit is exact.
      guard x.isFinite else { return Bound(underflow) }
      let own =
        switch function {
        case .relu: underflow
        case .geluTanh: ofGELUTanh(x, y, unit)
        case .geluErf: ofGELUErf(x, y, unit)
        }
      return greatestSlope(function) * input.distance(at: offset) + own
    }
  }

  /// The greatest |f′| anywhere: GELU's is 1.1290 at x ≈ 1.41, for either form.
  private func greatestSlope(_ function: ActivationFunction) -> Double {
    function == .relu ? 1 : 1.13
  }

  /// GELU by tanh: the argument to 8 u, tanh as the contract says, then three roundings.
  ///
  /// For x < 0 the sum 1 + tanh cancels, so the error is absolute, not relative to y.
  private func ofGELUTanh(_ x: Double, _ y: Double, _ unit: Double) -> Double {
    let z = (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)
    let t = tanh(z)
    let slope = 1 - t * t
    let inner =
      (slope == 0 ? 0 : slope * 8 * unit * abs(z))
      + contract.tanh * unit * min(abs(t) + 0.5, 1) + unit * abs(1 + t)
    return 0.5 * abs(x) * inner + 3 * unit * abs(y) + underflow
  }

  /// GELU by erf: the argument to 3 u, erf as the contract says, then three roundings.
  private func ofGELUErf(_ x: Double, _ y: Double, _ unit: Double) -> Double {
    let z = x / 2.0.squareRoot()
    let e = erf(z)
    let slope = 2 / Double.pi.squareRoot() * exp(-z * z)
    let inner =
      (slope == 0 ? 0 : slope * 3 * unit * abs(z))
      + contract.erf * unit * min(abs(e) + 0.5, 1) + unit * abs(1 + e)
    return 0.5 * abs(x) * inner + 3 * unit * abs(y) + underflow
  }
}
