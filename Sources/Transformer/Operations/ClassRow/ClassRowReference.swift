import TouchstoneGraph
import TouchstoneModel

extension ClassRow: Evaluated {
  /// y[0] = c, y[i + 1] = x[i]: [T, D].
  ///
  /// Clauses: PIC-3.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let x = operands.activations[0]  // [patches, D]
    return Tensor(operands.parameters[0].tensor.values + x.values, shape: [x.rowCount + 1, x.rowWidth])
  }
}
