import TouchstoneGraph
import TouchstoneModel

extension JoinedColumns: Honest {
  func value(_ operands: HonestOperands, by _: HonestArithmetic) -> Tensor<Float> {
    joined(operands.activations[0], operands.activations[1])
  }
}
