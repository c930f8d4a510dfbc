import Foundation
import TouchstoneGraph
import TouchstoneModel

extension ActivationFunction: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let x = operands.activations[0]
    return Tensor(x.values.map { function.value(clipped($0), arithmetic.gelu) }, shape: x.shape)
  }
}

extension ActivationFunction.Function {
  /// The nonlinearity in float32, in one of the forms that GELU has.
  func value(_ x: Float, _ form: HonestArithmetic.GELUForm) -> Float {
    switch (self, form) {
    case (.relu, _): return max(0, x)
    case (.reluSquared, _): return max(0, x) * max(0, x)
    case (.tanh, .direct): return Foundation.tanh(x)
    case (.tanh, .byExponential):
      let power = exp(-2 * abs(x))
      return x < 0 ? -((1 - power) / (1 + power)) : (1 - power) / (1 + power)
    case (.tanh, .byLogistic): return 2 / (1 + exp(-2 * x)) - 1
    case (.sigmoid, .direct): return 1 / (1 + exp(-x))
    case (.sigmoid, .byExponential): return Self.logisticByTanh(x)
    case (.sigmoid, .byLogistic):
      let power = exp(x)
      return power == .infinity ? 1 : power / (1 + power)
    case (.silu, .direct), (.quickGELU, .direct): return x / (1 + exp(-logisticArgument(x)))
    case (.silu, .byExponential), (.quickGELU, .byExponential):
      return x * Self.logisticByTanh(logisticArgument(x))
    case (.silu, .byLogistic), (.quickGELU, .byLogistic): return x * (1 / (1 + exp(-logisticArgument(x))))
    case (.geluTanh, .direct), (.geluFast, .direct), (.geluBloom, .direct):
      return 0.5 * x * (1 + Foundation.tanh(tanhArgument(x)))
    case (.geluTanh, .byExponential), (.geluFast, .byExponential), (.geluBloom, .byExponential):
      let power = exp(2 * tanhArgument(x))
      return 0.5 * x * (1 + (power == .infinity ? 1 : (power - 1) / (power + 1)))
    case (.geluTanh, .byLogistic), (.geluFast, .byLogistic), (.geluBloom, .byLogistic):
      return x / (1 + exp(-2 * tanhArgument(x)))
    case (.geluErf, .direct): return 0.5 * x * (1 + erf(x * Float(0.5).squareRoot()))
    case (.geluErf, .byExponential): return x * 0.5 * erfc(-x / Float(2).squareRoot())
    case (.geluErf, .byLogistic): return 0.5 * x * (1 + Self.erfPolynomial(x * Float(0.5).squareRoot()))
    }
  }

  private static func logisticByTanh(_ x: Float) -> Float { 0.5 * (1 + Foundation.tanh(0.5 * x)) }

  private func logisticArgument(_ x: Float) -> Float { self == .quickGELU ? 1.702 * x : x }

  private func tanhArgument(_ x: Float) -> Float {
    Float(tanhFactor ?? 0) * (x + 0.044715 * x * x * x)
  }

  /// Abramowitz & Stegun 7.1.26: |error| ≤ 1.5e-7.
  private static func erfPolynomial(_ x: Float) -> Float {
    let t = 1 / (1 + 0.3275911 * abs(x))
    let coefficients: [Float] = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592]
    let polynomial = coefficients.reduce(Float(0)) { $0 * t + $1 } * t
    let magnitude = 1 - polynomial * exp(-x * x)
    return x < 0 ? -magnitude : magnitude
  }
}
