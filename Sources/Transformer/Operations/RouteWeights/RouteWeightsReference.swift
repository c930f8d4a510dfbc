import TouchstoneGraph
import TouchstoneModel

extension RouteWeights: Evaluated {
  /// The softmax of the logits at the chosen experts, over those alone where it is normalised, or their logistic functions:
  /// [T, K]; 0 for a choice of an expert that there is not.
  ///
  /// Clauses: MOE-3, MOE-4, MOE-9.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let logits = operands.activations[0]  // [T, E]
    let ids = operands.activations[1]  // [T, K]
    let weights = (0..<logits.rowCount).flatMap { token -> [Double] in
      let scores = Array(logits.row(token))
      let chosen = ids.experts(of: token, among: scores.count)
      if function == .sigmoid {
        let own = chosen.map { $0.map { ActivationFunction.Function.sigmoid(scores[$0]) } ?? 0 }
        let total = isNormalised ? own.reduce(0, +) + Self.leastSum : 1
        return own.map { factor * $0 / total }
      }
      if isNormalised {
        let known = chosen.compactMap { $0 }
        var shares = softmax(known.map { scores[$0] })[...]
        return chosen.map { $0 == nil ? 0 : factor * (shares.popFirst() ?? 0) }
      }
      let shares = softmax(scores)
      return chosen.map { $0.map { factor * shares[$0] } ?? 0 }
    }
    return Tensor(weights, shape: ids.shape)
  }
}
