import Foundation
import TouchstoneGraph
import TouchstoneModel

extension CrossEntropyGradient: Honest {
  /// The softmax less the target; or the exponential of a stored logarithm of it.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let logits = operands.activations[0]
    let factor = Float(loss.scale / loss.divisor(of: operands.inputs))
    let smoothing = Float(loss.labelSmoothing)
    var gradient = Tensor<Float>(repeating: 0, shape: logits.shape)
    for (token, target) in operands.inputs.ids(.targets).enumerated() where target != Loss.ignoredTarget {
      let z = Array(logits.row(token))
      var probabilities = arithmetic.softmax(z)
      if case .base2 = arithmetic.softmax {
        let greatest = z.max() ?? 0
        let logOfSum = log(arithmetic.summation.sum(z.map { exp($0 - greatest) }))
        probabilities = z.map { exp(($0 - greatest) - logOfSum) }
      }
      for (id, probability) in probabilities.enumerated() {
        let wanted = (id == target ? 1 - smoothing : 0) + smoothing / Float(z.count)
        gradient[token, id] = factor * (probability - wanted)
      }
    }
    return gradient
  }
}
