import TouchstoneGraph
import TouchstoneModel

extension SoftmaxGradient: Honest {
  /// p·(dp − c), p·dp − p·c, or the loop over the matrix of derivatives.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (probabilities, gradient) = (operands.activations[0], operands.activations[1])
    let tokens = operands.inputs.count
    var ds = Tensor<Float>(repeating: 0, shape: probabilities.shape)
    for row in 0..<ds.rowCount {
      let visible = operands.inputs.visibleKeys(from: row % tokens, under: visibility)
      let (p, dp) = (visible.map { probabilities[row, $0] }, visible.map { gradient[row, $0] })
      let mean = arithmetic.summation.dot(p, dp)
      for (place, key) in visible.enumerated() {
        switch arithmetic.softmax {
        case .exponential: ds[row, key] = p[place] * (dp[place] - mean)
        case .base2, .reciprocal: ds[row, key] = p[place] * dp[place] - p[place] * mean
        case .online:
          let derivatives = p.indices.map { p[$0] * ((place == $0 ? 1 : 0) - p[place]) }
          ds[row, key] = arithmetic.summation.dot(derivatives, dp)
        }
      }
    }
    return ds
  }
}
