import Foundation
import TouchstoneGraph
import TouchstoneModel

extension ActivationGradient: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (x, dy) = (operands.activations[0], operands.activations[1])
    return Tensor(
      zip(x.values, dy.values).map { clips($0) ? 0 : $1 * function.slope(at: $0, arithmetic.gelu) },
      shape: x.shape)
  }
}

extension ActivationFunction.Function {
  /// The slope in float32: of tanh by 1 − t², or by 1/cosh².
  fileprivate func slope(at x: Float, _ form: HonestArithmetic.GELUForm) -> Float {
    switch self {
    case .relu: return x > 0 ? 1 : 0
    case .reluSquared: return 2 * max(0, x)
    case .silu:
      let open = 1 / (1 + exp(-x))
      return open * (1 + x * (1 - open))
    case .quickGELU:
      let open = 1 / (1 + exp(-1.702 * x))
      return open * (1 + 1.702 * x * (1 - open))
    case .sigmoid:
      let open = 1 / (1 + exp(-x))
      return open * (1 - open)
    case .tanh:
      let t = Foundation.tanh(x)
      return 1 - t * t
    case .geluErf:
      let density = exp(-0.5 * x * x) * Float(1 / (2 * Double.pi).squareRoot())
      return 0.5 * (1 + erf(x * Float(0.5.squareRoot()))) + x * density
    case .geluTanh, .geluFast, .geluBloom:
      let factor = Float(tanhFactor ?? 0)
      let z = factor * (x + 0.044715 * x * x * x)
      let t = Foundation.tanh(z)
      var square = 1 - t * t
      if case .byExponential = form {
        let growth = cosh(z)
        square = growth.isFinite ? 1 / (growth * growth) : 0
      }
      return 0.5 * (1 + t) + 0.5 * x * square * factor * (1 + 3 * 0.044715 * x * x)
    }
  }
}
