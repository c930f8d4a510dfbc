import Foundation
import TouchstoneGraph
import TouchstoneModel

extension CrossEntropy: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let logits = operands.activations[0]
    let losses = operands.inputs.ids(.targets).enumerated().map { token, target -> Float in
      guard target != Loss.ignoredTarget else { return 0 }
      let z = Array(logits.row(token))
      let greatest = z.max() ?? 0
      let logOfSum = log(arithmetic.summation.sum(z.map { exp($0 - greatest) }))
      // As the logarithm of a softmax, or as the difference of score and log-sum.
      let loss: (Float) -> Float = { score in
        if case .reciprocal = arithmetic.softmax { return (greatest + logOfSum) - score }
        return logOfSum - (score - greatest)
      }
      guard labelSmoothing > 0 else { return loss(z[target]) }
      let smoothing = Float(labelSmoothing)
      return (1 - smoothing) * loss(z[target])
        + smoothing / Float(z.count) * arithmetic.summation.sum(z.map(loss))
    }
    return Tensor(losses, shape: [losses.count])
  }
}
