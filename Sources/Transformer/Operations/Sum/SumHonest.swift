import TouchstoneGraph
import TouchstoneModel

extension Sum: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let terms = arithmetic.addsBackwards ? operands.activations.reversed() : operands.activations
    let first = terms[0]
    return terms.dropFirst().reduce(first) { sum, next in
      Tensor(zip(sum.values, next.values).map(+), shape: first.shape)
    }
  }
}
