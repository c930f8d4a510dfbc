import TouchstoneGraph
import TouchstoneModel

extension Scale: Honest {
  func value(_ operands: HonestOperands, by _: HonestArithmetic) -> Tensor<Float> {
    let x = operands.activations[0]
    // Where steps are stored, the factor is held in the type of the model.
    let factor = operands.stored(Float(factor))
    return Tensor(x.values.map { factor * $0 }, shape: x.shape)
  }
}
