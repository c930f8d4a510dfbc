import TouchstoneGraph
import TouchstoneModel

extension RouteIDs: Evaluated {
  /// The numbers of the K greatest logits of each token: [T, K].
  ///
  /// Clauses: MOE-1, MOE-2.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let logits = operands.activations[0]  // [T, E]
    let ids = (0..<logits.rowCount).flatMap { Self.best(count, of: Array(logits.row($0))).map(Double.init) }
    return Tensor(ids, shape: [logits.rowCount, count])
  }
}
