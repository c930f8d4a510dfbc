import TouchstoneGraph
import TouchstoneModel

extension ChosenRows: Honest {
  func value(_ operands: HonestOperands, by _: HonestArithmetic) -> Tensor<Float> {
    let (x, ids) = (operands.activations[0], operands.activations[1])
    let tokens = (0..<x.rowCount).filter { ids.row($0).contains(Float(expert)) }
    return Tensor(tokens.flatMap { x.row($0) }, shape: [tokens.count, x.rowWidth])
  }
}
