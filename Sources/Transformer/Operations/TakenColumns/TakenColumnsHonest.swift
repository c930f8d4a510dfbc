import TouchstoneGraph
import TouchstoneModel

extension TakenColumns: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let x = operands.activations[0]
    let (heads, tokens) = (x.shape[0], x.shape[1])
    var y = Tensor<Float>(repeating: 0, shape: [addsHeads ? 1 : heads, tokens, columns.count])
    for row in 0..<y.rowCount {
      for (place, column) in columns.enumerated() {
        y[row, place] =
          addsHeads
          ? arithmetic.summation.sum((0..<heads).map { x[$0, row, column] }) : x[row, column]
      }
    }
    return y
  }
}
