import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Sinusoid: Honest {
  /// Angles in float32, of frequencies found by themselves or multiplied up, or a table made in float64.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let positions = operands.inputs.ids(ids)
    var y = Tensor<Float>(repeating: 0, shape: [positions.count, width])
    for column in 0..<width {
      let (pair, isCosine) = term(of: column)
      let power = -2 * Float(pair) / Float(width)
      let frequency: Float =
        switch arithmetic.rotary {
        case .rounded, .tables, .multiplied: Float(frequency(of: pair))
        case .powers: pow(10_000, power)
        case .reciprocals: exp(power * log(Float(10_000)))
        }
      for (token, position) in positions.enumerated() {
        if case .tables = arithmetic.rotary {
          let angle = Double(position) * self.frequency(of: pair)
          y[token, column] = Float(isCosine ? cos(angle) : sin(angle))
        } else {
          let angle = Float(position) * frequency
          y[token, column] = isCosine ? cos(angle) : sin(angle)
        }
      }
    }
    return y
  }
}
