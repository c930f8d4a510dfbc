import TouchstoneGraph
import TouchstoneModel

extension SoftmaxGradient: Evaluated {
  /// p·(dp − Σ p·dp) over the visible keys of each query, exactly 0 elsewhere.
  ///
  /// Clauses: BWD-14.
  package func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    let (probabilities, gradient) = (operands.activations[0], operands.activations[1])
    var ds = Tensor<Double>(repeating: 0, shape: probabilities.shape)
    for row in 0..<ds.rowCount {
      let visible = (0..<ds.rowWidth).filter {
        inputs.isVisible(key: $0, from: row % inputs.count, under: visibility)
      }
      let mean = visible.reduce(0) { $0 + probabilities[row, $1] * gradient[row, $1] }
      for key in visible { ds[row, key] = probabilities[row, key] * (gradient[row, key] - mean) }
    }
    return ds
  }
}
