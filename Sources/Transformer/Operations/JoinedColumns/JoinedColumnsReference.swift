import TouchstoneGraph
import TouchstoneModel

extension JoinedColumns: Evaluated {
  /// The columns of both, those of the second after those of the first: [n, T, a + b].
  ///
  /// Clauses: MLA-3.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    joined(operands.activations[0], operands.activations[1])
  }
}
