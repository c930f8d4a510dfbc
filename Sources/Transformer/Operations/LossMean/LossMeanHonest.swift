import TouchstoneGraph
import TouchstoneModel

extension LossMean: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let divisor = Float(loss.divisor(of: operands.inputs))
    return Tensor([arithmetic.summation.sum(operands.activations[0].values) / divisor], shape: [])
  }
}
