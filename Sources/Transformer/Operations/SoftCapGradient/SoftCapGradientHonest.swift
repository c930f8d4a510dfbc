import Foundation
import TouchstoneGraph
import TouchstoneModel

extension SoftCapGradient: Honest {
  func value(_ operands: HonestOperands, by _: HonestArithmetic) -> Tensor<Float> {
    let (x, dy) = (operands.activations[0], operands.activations[1])
    let values = zip(x.values, dy.values).map { x, dy -> Float in
      let t = tanh(x / Float(cap))
      return dy * (1 - t * t)
    }
    return Tensor(values, shape: x.shape)
  }
}
