import TouchstoneGraph
import TouchstoneModel

extension Product: Honest {
  func value(_ operands: HonestOperands, by _: HonestArithmetic) -> Tensor<Float> {
    let (a, b) = (operands.activations[0], operands.activations[1])
    let bound = limit.map { Float($0) } ?? .infinity
    let values = zip(a.values, b.values).map { $0 * (max(-bound, min(bound, $1)) + Float(plus)) }
    return Tensor(values, shape: a.shape)
  }
}
