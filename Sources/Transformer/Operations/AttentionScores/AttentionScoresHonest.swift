import TouchstoneGraph
import TouchstoneModel

extension AttentionScores: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (query, key) = (operands.activations[0], operands.activations[1])
    let (heads, tokens, keys) = (query.shape[0], query.shape[1], key.shape[1])
    let bias = operands.activations.dropFirst(2).first
    let scale = Float(scale)
    var scores = Tensor<Float>(repeating: -.infinity, shape: [heads, tokens, keys])
    for head in 0..<heads {
      let keyHead = head * key.shape[0] / heads
      for row in 0..<tokens {
        let q = query.row(head * tokens + row).map { arithmetic.scalesQueries ? $0 * scale : $0 }
        for column in operands.inputs.visibleKeys(from: row, under: visibility) {
          let product = arithmetic.summation.dot(q, Array(key.row(keyHead * keys + column)))
          let scaled = arithmetic.scalesQueries ? product : product * scale
          let own = bias?[head, row, column]
          if case .fused = arithmetic.scoreBias, !arithmetic.scalesQueries, let own {
            scores[head, row, column] = own.addingProduct(product, scale)
          } else {
            scores[head, row, column] = own.map { scaled + $0 } ?? scaled
          }
        }
      }
    }
    return scores
  }
}
