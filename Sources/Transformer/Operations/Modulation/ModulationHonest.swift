import TouchstoneGraph
import TouchstoneModel

extension Modulation: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    var y = operands.activations[0]
    let (condition, width) = (operands.activations[1].values, y.rowWidth)
    for offset in y.values.indices {
      let (x, factor) = (y.values[offset], condition[scale * width + offset % width])
      let added = shift.map { condition[$0 * width + offset % width] }
      // Some write x + x·c + b, and some compilers fuse the sum with the product.
      let product =
        arithmetic.addsBackwards ? x * Float(plus) + operands.stored(x * factor) : x * (Float(plus) + factor)
      y.values[offset] =
        if let added {
          arithmetic.addsBackwards
            ? product + added : added.addingProduct(x, operands.stored(Float(plus) + factor))
        } else {
          product
        }
    }
    return y
  }
}
