import TouchstoneGraph
import TouchstoneModel

extension SinkGradient: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (scores, probabilities, gradient) = (
      operands.activations[0], operands.activations[1], operands.activations[2]
    )
    let (heads, queries) = (scores.shape[0], scores.shape[1])
    let sums = (0..<heads).map { head in
      arithmetic.summation.sum(
        (0..<queries).map { query in
          let visible = operands.inputs.visibleKeys(from: query, under: visibility)
          let row = head * queries + query
          let weights = arithmetic.softmax(visible.map { scores[row, $0] } + [operands.parameters[0][head]])
          let mean = arithmetic.summation.dot(
            visible.map { probabilities[row, $0] }, visible.map { gradient[row, $0] })
          return weights[visible.count] * -mean
        })
    }
    return Tensor(sums, shape: [heads])
  }
}
