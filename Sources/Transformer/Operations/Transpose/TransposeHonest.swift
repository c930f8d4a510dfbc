import TouchstoneGraph
import TouchstoneModel

extension Transpose: Honest {
  func value(_ operands: HonestOperands, by _: HonestArithmetic) -> Tensor<Float> {
    let x = operands.activations[0]
    return Tensor(x.values.transposed(columns: x.rowWidth), shape: [x.rowWidth, x.rowCount])
  }
}
