import TouchstoneGraph
import TouchstoneModel

extension SinkGradient: Evaluated {
  /// −Σ w·Σ p·dp of each head, in the order of queries and keys.
  ///
  /// Clauses: BWD-17.
  package func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    let (scores, probabilities, gradient) = (
      operands.activations[0], operands.activations[1], operands.activations[2]
    )
    let (heads, queries, keys) = (scores.shape[0], scores.shape[1], scores.shape[2])
    var sums = Tensor<Double>(repeating: 0, shape: [heads])
    for head in 0..<heads {
      for i in 0..<queries {
        let visible = (0..<keys).filter { inputs.isVisible(key: $0, from: i, under: visibility) }
        let mean = visible.reduce(0) { $0 + probabilities[head, i, $1] * gradient[head, i, $1] }
        let weights = softmax(visible.map { scores[head, i, $0] } + [operands.parameters[0][head]])
        sums.values[head] -= weights[visible.count] * mean
      }
    }
    return sums
  }
}
