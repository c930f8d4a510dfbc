import TouchstoneGraph
import TouchstoneModel

extension Scale: Honest {
  func value(_ operands: HonestOperands, by _: HonestArithmetic) -> Tensor<Float> {
    let x = operands.activations[0]
    return Tensor(x.values.map { Float(factor) * $0 }, shape: x.shape)
  }
}
