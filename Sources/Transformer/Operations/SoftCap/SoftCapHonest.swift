import Foundation
import TouchstoneGraph
import TouchstoneModel

extension SoftCap: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let x = operands.activations[0]
    return Tensor(
      x.values.map { $0 == -.infinity ? $0 : value($0, arithmetic.gelu) }, shape: x.shape)
  }

  /// tanh as GELU has it: of a quotient; by exp; or by a logistic function, of a product with 1/c.
  private func value(_ x: Float, _ form: HonestArithmetic.GELUForm) -> Float {
    let cap = Float(cap)
    switch form {
    case .direct: return cap * tanh(x / cap)
    case .byExponential:
      let power = exp(-2 * abs(x / cap))
      let value = cap * ((1 - power) / (1 + power))
      return x < 0 ? -value : value
    case .byLogistic: return cap * (2 / (1 + exp(-2 * (x * (1 / cap)))) - 1)
    }
  }
}
