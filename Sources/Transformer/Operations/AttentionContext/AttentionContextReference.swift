import TouchstoneGraph
import TouchstoneModel

extension AttentionContext: Evaluated {
  /// The average of the visible values, weighted by the probabilities; heads side by side: [T, H·d].
  ///
  /// Clauses: ATT-15, ATT-17, GQA-2.
  package func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    let probabilities = operands.activations[0]  // [H, T, T]
    let value = operands.activations[1]  // [KV, T, d]
    let (headCount, tokenCount) = (probabilities.shape[0], probabilities.shape[1])
    let headWidth = value.shape[2]
    var context = Tensor<Double>(repeating: 0, shape: [tokenCount, headCount * headWidth])
    for head in 0..<headCount {
      let valueHead = head * value.shape[0] / headCount
      for i in 0..<tokenCount {
        for j in 0..<value.shape[1] where inputs.isVisible(key: j, from: i, under: visibility) {
          let probability = probabilities[head, i, j]
          for column in 0..<headWidth {
            context[i, head * headWidth + column] += probability * value[valueHead, j, column]
          }
        }
      }
    }
    return context
  }
}
