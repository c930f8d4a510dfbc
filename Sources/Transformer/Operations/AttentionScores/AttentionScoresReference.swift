import TouchstoneGraph
import TouchstoneModel

extension AttentionScores: Evaluated {
  /// scale·(q·k), and the bias where there is one, where the key is visible, −∞ elsewhere: [H, T, T], row = query, column = key.
  ///
  /// Clauses: ATT-4, ATT-7 to ATT-9, ATT-29, GQA-1, TWO-2.
  package func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    let query = operands.activations[0]  // [H, T, d]
    let key = operands.activations[1]  // [KV, T, d]
    let bias = operands.activations.dropFirst(2).first  // [H, T, T]
    let (headCount, tokenCount, headWidth) = (query.shape[0], query.shape[1], query.shape[2])
    let keyCount = key.shape[1]
    var scores = Tensor<Double>(repeating: -.infinity, shape: [headCount, tokenCount, keyCount])
    for head in 0..<headCount {
      let keyHead = head * key.shape[0] / headCount
      for i in 0..<tokenCount {
        for j in 0..<keyCount where inputs.isVisible(key: j, from: i, under: visibility) {
          var product = 0.0
          for column in 0..<headWidth {
            product += query[head, i, column] * key[keyHead, j, column]
          }
          scores[head, i, j] = scale * product + (bias?[head, i, j] ?? 0)
        }
      }
    }
    return scores
  }
}
