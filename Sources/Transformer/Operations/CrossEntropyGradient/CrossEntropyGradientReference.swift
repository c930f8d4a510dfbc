import TouchstoneGraph
import TouchstoneModel

extension CrossEntropyGradient: Evaluated {
  /// s·(p − q) in the rows of tokens that have a target, 0 in the others.
  ///
  /// Clauses: BWD-1.
  package func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    let logits = operands.activations[0]
    let factor = loss.scale / loss.divisor(of: inputs)
    var gradient = Tensor<Double>(repeating: 0, shape: logits.shape)
    for (token, target) in inputs.ids(.targets).enumerated() where target != Loss.ignoredTarget {
      let spread = loss.labelSmoothing / Double(logits.rowWidth)
      for (id, probability) in softmax(Array(logits.row(token))).enumerated() {
        let wanted = (id == target ? 1 - loss.labelSmoothing : 0) + spread
        gradient[token, id] = factor * (probability - wanted)
      }
    }
    return gradient
  }
}
