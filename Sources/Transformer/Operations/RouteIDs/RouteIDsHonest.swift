import TouchstoneGraph
import TouchstoneModel

extension RouteIDs: Honest {
  /// By the logits, or by the probabilities that are made of them, which may be equal where those are not; by what the
  /// logistic function makes of them, and what is added.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let logits = operands.activations[0]
    let correction = operands.parameters.first
    let ids = (0..<logits.rowCount).flatMap { token -> [Int] in
      var scores = Array(logits.row(token))
      if function == .sigmoid {
        scores = scores.enumerated().map { expert, logit in
          let own = operands.stored(ActivationFunction.Function.sigmoid.value(logit, arithmetic.gelu))
          return correction.map { operands.stored(own + $0[expert]) } ?? own
        }
      } else if case .byLogits = arithmetic.routing {
        return choices(of: scores)
      } else {
        scores = arithmetic.softmax(scores)
      }
      guard case .lastOfEqual = arithmetic.routing else { return choices(of: scores) }
      return choices(of: scores.reversed()).map { scores.count - 1 - $0 }
    }
    return Tensor(ids.map { Float($0) }, shape: [logits.rowCount, count])
  }
}
