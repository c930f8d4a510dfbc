import TouchstoneGraph
import TouchstoneModel

extension RouteGradient: Honest {
  /// Through the shares of the chosen experts alone, or through those of all.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (logits, ids, gradient) = (operands.activations[0], operands.activations[1], operands.activations[2])
    let factor = Float(weights.factor)
    let rows = (0..<logits.rowCount).flatMap { token -> [Float] in
      let scores = Array(logits.row(token))
      let chosen = ids.row(token).map { Int($0) }
      let dw = gradient.row(token).map { factor == 1 ? $0 : factor * $0 }
      var dz = [Float](repeating: 0, count: scores.count)
      if weights.function == .sigmoid {
        let open = chosen.map {
          operands.stored(ActivationFunction.Function.sigmoid.value(scores[$0], arithmetic.gelu))
        }
        let own = weights.isNormalised ? divided(dw, open, arithmetic) : dw
        for (slot, expert) in chosen.enumerated() { dz[expert] = own[slot] * (open[slot] * (1 - open[slot])) }
        return dz
      }
      if weights.isNormalised, case .byLogits = arithmetic.routing {
        let shares = arithmetic.softmax(chosen.map { scores[$0] })
        let mean = arithmetic.summation.dot(shares, dw)
        for (slot, expert) in chosen.enumerated() { dz[expert] = shares[slot] * (dw[slot] - mean) }
        return dz
      }
      let all = arithmetic.softmax(scores)
      let own = weights.isNormalised ? divided(dw, chosen.map { all[$0] }, arithmetic) : dw
      for (slot, expert) in chosen.enumerated() { dz[expert] = own[slot] }
      let mean = arithmetic.summation.dot(all, dz)
      return zip(all, dz).map { $0 * ($1 - mean) }
    }
    return Tensor(rows, shape: logits.shape)
  }

  /// The gradient by what is divided by its sum.
  private func divided(_ dw: [Float], _ parts: [Float], _ arithmetic: HonestArithmetic) -> [Float] {
    let total =
      arithmetic.summation.sum(parts) + (weights.function == .sigmoid ? Float(RouteWeights.leastSum) : 0)
    let mean = arithmetic.summation.dot(parts.map { $0 / total }, dw)
    return dw.map { ($0 - mean) / total }
  }
}
