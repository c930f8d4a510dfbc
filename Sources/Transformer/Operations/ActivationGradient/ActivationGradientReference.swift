import Foundation
import TouchstoneGraph
import TouchstoneModel

extension ActivationGradient: Evaluated {
  /// dy·f′(x), element by element, 0 where x is clipped.
  ///
  /// Clauses: BWD-10.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let (x, dy) = (operands.activations[0], operands.activations[1])
    return Tensor(
      zip(x.values, dy.values).map { clips($0) ? 0 : $1 * function.slope(at: $0) }, shape: x.shape)
  }
}

extension ActivationFunction.Function {
  /// f′(x); at the corner of ReLU 0.
  ///
  /// Clauses: BWD-10.
  package func slope(at x: Double) -> Double {
    switch self {
    case .relu: return x > 0 ? 1 : 0
    case .reluSquared: return 2 * max(0, x)
    case .silu: return Self.slope(at: x, ofGate: x, slope: 1)
    case .quickGELU: return Self.slope(at: x, ofGate: 1.702 * x, slope: 1.702)
    case .geluErf:
      return 0.5 * erfc(-x / 2.0.squareRoot()) + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot()
    case .geluTanh, .geluFast, .geluBloom:
      // ½·(1 + tanh z) is σ(2z).
      let factor = 2 * (tanhFactor ?? 0)
      return Self.slope(
        at: x, ofGate: factor * (x + 0.044715 * x * x * x), slope: factor * (1 + 3 * 0.044715 * x * x))
    case .tanh:
      let t = Foundation.tanh(x)
      return 1 - t * t
    case .sigmoid: return 1 / (1 + exp(-x)) / (1 + exp(x))
    }
  }

  /// The slope of x·σ(z(x)): σ + x·σ·(1 − σ)·z′.
  private static func slope(at x: Double, ofGate z: Double, slope: Double) -> Double {
    let open = 1 / (1 + exp(-z))
    let closed = 1 / (1 + exp(z))
    return open + (open * closed == 0 ? 0 : x * open * closed * slope)
  }
}
