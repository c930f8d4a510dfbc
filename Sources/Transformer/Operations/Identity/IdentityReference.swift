import TouchstoneGraph
import TouchstoneModel

extension Identity: Evaluated {
  /// The input itself.
  ///
  /// Clauses: RES-1.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    operands.activations[0]
  }
}
