import TouchstoneGraph
import TouchstoneModel

extension RouteIDs: Honest {
  /// By the logits, or by the probabilities that are made of them, which may be equal where those are not.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let logits = operands.activations[0]
    let ids = (0..<logits.rowCount).flatMap { token -> [Int] in
      let scores = Array(logits.row(token))
      switch arithmetic.routing {
      case .byLogits: return Self.best(count, of: scores)
      case .byProbabilities: return Self.best(count, of: arithmetic.softmax(scores))
      case .lastOfEqual:
        let last = scores.count - 1
        return Self.best(count, of: arithmetic.softmax(scores.reversed())).map { last - $0 }
      }
    }
    return Tensor(ids.map { Float($0) }, shape: [logits.rowCount, count])
  }
}
