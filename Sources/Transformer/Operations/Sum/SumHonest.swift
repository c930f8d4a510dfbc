import TouchstoneGraph
import TouchstoneModel

extension Sum: Honest {
  func value(_ operands: HonestOperands, by _: HonestArithmetic) -> Tensor<Float> {
    let first = operands.activations[0]
    return operands.activations.dropFirst().reduce(first) { sum, next in
      Tensor(zip(sum.values, next.values).map(+), shape: first.shape)
    }
  }
}
