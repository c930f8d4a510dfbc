import TouchstoneGraph
import TouchstoneModel

extension Product: Honest {
  /// The sum first, or the product.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (a, b) = (operands.activations[0], operands.activations[1])
    let (bound, plus) = (limit.map { Float($0) } ?? .infinity, Float(plus))
    let values = zip(a.values, b.values).map { gate, passing in
      let clipped = max(-bound, min(bound, passing))
      return arithmetic.addsBackwards && plus != 0 ? gate * clipped + gate * plus : gate * (clipped + plus)
    }
    return Tensor(values, shape: a.shape)
  }
}
