import TouchstoneGraph
import TouchstoneModel

extension PickedRow: Honest {
  func value(_ operands: HonestOperands, by _: HonestArithmetic) -> Tensor<Float> {
    let x = operands.activations[0]
    return Tensor(Array(x.row(rule.token(of: operands.inputs.sequenceIDs))), shape: [1, x.rowWidth])
  }
}
