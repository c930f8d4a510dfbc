import TouchstoneGraph
import TouchstoneModel

extension AttentionProbabilities: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (scores, inputs) = (operands.activations[0], operands.inputs)
    var probabilities = Tensor<Float>(repeating: 0, shape: scores.shape)
    for row in 0..<scores.rowCount {
      let visible = inputs.visibleKeys(from: row % inputs.count, under: visibility)
      let sink = operands.parameters.first.map { [$0[row / inputs.count]] } ?? []
      let weights = arithmetic.softmax(visible.map { scores[row, $0] } + sink)
      for (column, weight) in zip(visible, weights) { probabilities[row, column] = weight }
    }
    return probabilities
  }
}
