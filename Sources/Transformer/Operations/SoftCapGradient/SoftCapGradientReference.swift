import Foundation
import TouchstoneGraph
import TouchstoneModel

extension SoftCapGradient: Evaluated {
  /// dy·(1 − tanh²(x/c)), element by element, as dy/cosh²(x/c), which does not cancel.
  ///
  /// Clauses: BWD-11.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let (x, dy) = (operands.activations[0], operands.activations[1])
    let values = zip(x.values, dy.values).map { x, dy in
      let growth = cosh(x / cap)
      return dy / growth / growth
    }
    return Tensor(values, shape: x.shape)
  }
}
