import TouchstoneGraph
import TouchstoneModel

extension ChosenRows: Evaluated {
  /// x[t] for each token t with the expert among its ids, ascending: [n, D].
  ///
  /// Clauses: MOE-5.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let x = operands.activations[0]  // [T, D]
    let ids = operands.activations[1]  // [T, K]
    let tokens = (0..<x.rowCount).filter { ids.row($0).contains(Double(expert)) }
    return Tensor(tokens.flatMap { x.row($0) }, shape: [tokens.count, x.rowWidth])
  }
}
