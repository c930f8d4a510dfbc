import TouchstoneGraph
import TouchstoneModel

extension ClipGradient: Honest {
  func value(_ operands: HonestOperands, by _: HonestArithmetic) -> Tensor<Float> {
    let (dy, x) = (operands.activations[0], operands.activations[1])
    return Tensor(zip(dy.values, x.values).map { passes($1) ? $0 : 0 }, shape: x.shape)
  }
}
