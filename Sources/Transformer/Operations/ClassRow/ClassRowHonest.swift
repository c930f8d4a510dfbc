import TouchstoneGraph
import TouchstoneModel

extension ClassRow: Honest {
  func value(_ operands: HonestOperands, by _: HonestArithmetic) -> Tensor<Float> {
    let x = operands.activations[0]
    return Tensor(operands.parameters[0].tensor.values + x.values, shape: [x.rowCount + 1, x.rowWidth])
  }
}
