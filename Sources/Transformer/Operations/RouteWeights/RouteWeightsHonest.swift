import TouchstoneGraph
import TouchstoneModel

extension RouteWeights: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (logits, ids) = (operands.activations[0], operands.activations[1])
    let weights = (0..<logits.rowCount).flatMap { token -> [Float] in
      let scores = Array(logits.row(token))
      let chosen = ids.row(token).map { Int($0) }
      let shares: [Float]
      if function == .sigmoid {
        let own = chosen.map {
          operands.stored(ActivationFunction.Function.sigmoid.value(scores[$0], arithmetic.gelu))
        }
        let total = arithmetic.summation.sum(own) + Float(Self.leastSum)
        shares = isNormalised ? own.map { $0 / total } : own
      } else if isNormalised, case .byLogits = arithmetic.routing {
        shares = arithmetic.softmax(chosen.map { scores[$0] })
      } else {
        let all = arithmetic.softmax(scores)
        let own = chosen.map { operands.stored(all[$0]) }
        let total = arithmetic.summation.sum(own)
        shares = isNormalised ? own.map { $0 / total } : own
      }
      return shares.map { factor == 1 ? $0 : Float(factor) * $0 }
    }
    return Tensor(weights, shape: ids.shape)
  }
}
