import TouchstoneGraph
import TouchstoneModel

extension PickedRow: Evaluated {
  /// x[0]: [1, D].
  ///
  /// Clauses: ENC-2.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let x = operands.activations[0]  // [T, D]
    return Tensor(Array(x.row(0)), shape: [1, x.rowWidth])
  }
}
