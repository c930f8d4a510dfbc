import TouchstoneGraph
import TouchstoneModel

extension Embedding: Evaluated {
  /// Row `ids[t] + offset` of the table, for each token: [T, D].
  ///
  /// Clauses: EMB-1, POS-1.
  package func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    let table = operands.parameters[0].tensor  // [rows, D]
    let ids = inputs.ids(ids)
    return Tensor(ids.flatMap { table.row($0 + offset) }, shape: [ids.count, table.rowWidth])
  }
}
