import Foundation
import TouchstoneGraph
import TouchstoneModel

extension ActivationFunction: Evaluated {
  /// The nonlinearity of every element, clipped where it is.
  ///
  /// Clauses: FFN-3 to FFN-7, FFN-9, GLU-2, GLU-4.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let x = operands.activations[0]
    return Tensor(x.values.map { function(clipped($0)) }, shape: x.shape)
  }
}

extension ActivationFunction.Function {
  /// The value at x; NaN gives NaN, and −∞ the limit.
  ///
  /// Clauses: FFN-3 to FFN-7, FFN-9, GLU-2.
  public func callAsFunction(_ x: Double) -> Double {
    switch self {
    case .relu: x.isNaN ? x : max(0, x)
    case .reluSquared: x.isNaN ? x : max(0, x) * max(0, x)
    case .silu: gated(x, by: x)
    case .quickGELU: gated(x, by: 1.702 * x)
    case .geluErf: x == -.infinity ? -0.0 : 0.5 * x * erfc(-x / 2.0.squareRoot())
    // 0.5·(1 + tanh z) is σ(2z), without cancellation for negative x.
    case .geluTanh, .geluFast, .geluBloom:
      gated(x, by: 2 * ((tanhFactor ?? 0) * (x + 0.044715 * x * x * x)))
    case .tanh: Foundation.tanh(x)
    case .sigmoid: 1 / (1 + exp(-x))
    }
  }

  /// x·σ(z), for a z that grows with x.
  private func gated(_ x: Double, by z: Double) -> Double {
    x == -.infinity ? -0.0 : x / (1 + exp(-z))
  }
}
