import TouchstoneGraph
import TouchstoneModel

extension Embedding: Honest {
  func value(_ operands: HonestOperands, by _: HonestArithmetic) -> Tensor<Float> {
    let table = operands.parameters[0].tensor
    let ids = operands.inputs.ids(ids)
    return Tensor(ids.flatMap { table.row($0 + offset) }, shape: [ids.count, table.rowWidth])
  }
}
