import TouchstoneGraph
import TouchstoneModel

extension AttentionProbabilities: Evaluated {
  /// Softmax over the visible keys of each query and the head's sink where there is one, exactly 0 elsewhere: [H, T, T];
  /// scores that are not visible are not read.
  ///
  /// Clauses: ATT-10, ATT-11, ATT-14, ATT-31.
  package func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    let scores = operands.activations[0]
    let sinks = operands.parameters.first  // [H]
    let (headCount, tokenCount) = (scores.shape[0], scores.shape[1])
    var probabilities = Tensor<Double>(repeating: 0, shape: scores.shape)
    for i in 0..<tokenCount {
      let visible = (0..<scores.shape[2]).filter { inputs.isVisible(key: $0, from: i, under: visibility) }
      for head in 0..<headCount {
        let sink = sinks.map { [$0[head]] } ?? []
        let weights = softmax(visible.map { scores[head, i, $0] } + sink)
        for (j, weight) in zip(visible, weights) {
          probabilities[head, i, j] = weight
        }
      }
    }
    return probabilities
  }
}
