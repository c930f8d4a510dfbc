import TouchstoneGraph
import TouchstoneModel

extension Transpose: Evaluated {
  /// y[s, d] = x[d, s]: [S, D], and back.
  ///
  /// Clauses: SND-3, BWD-25.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let x = operands.activations[0]
    return Tensor(x.values.transposed(columns: x.rowWidth), shape: [x.rowWidth, x.rowCount])
  }
}
