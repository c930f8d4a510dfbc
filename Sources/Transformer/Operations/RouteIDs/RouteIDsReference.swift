import TouchstoneGraph
import TouchstoneModel

extension RouteIDs: Evaluated {
  /// The numbers of the K best experts of each token, of its best groups where there are groups: [T, K].
  ///
  /// Clauses: MOE-1, MOE-2, MOE-7, MOE-8.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let logits = operands.activations[0]  // [T, E]
    let correction = correction(operands, experts: logits.rowWidth)  // [E]
    let ids = (0..<logits.rowCount).flatMap { token in
      choices(of: scores(Array(logits.row(token)), correction: correction)).map(Double.init)
    }
    return Tensor(ids, shape: [logits.rowCount, count])
  }

  /// What is added to the scores; nil for nothing.
  package func correction(_ operands: Operands, experts: Int) -> [Double]? {
    operands.parameters.first.map { parameter in (0..<experts).map { parameter[$0] } }
  }
}
