import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Rotate: Honest {
  /// Angles in float32, from frequencies rounded to float32, as most implementations have them.
  func value(_ operands: HonestOperands, by _: HonestArithmetic) -> Tensor<Float> {
    let x = operands.activations[0]
    let positions = operands.inputs.positionIDs
    let frequencies = frequencies.values(
      pairs: width / 2, sequenceLength: (positions.max() ?? 0) + 1
    ).map { Float($0) }
    var y = x
    for (token, position) in positions.enumerated() {
      for pair in 0..<width / 2 {
        let angle = Float(position) * frequencies[pair]
        let (cosine, sine) = (Float(magnitude) * cos(angle), Float(magnitude) * sin(angle))
        let (from, to) = columns(of: pair)
        for head in 0..<x.shape[0] {
          let (a, b) = (x[head, token, from.0], x[head, token, from.1])
          y[head, token, to.0] = a * cosine - b * sine
          y[head, token, to.1] = b * cosine + a * sine
        }
      }
    }
    return y
  }
}
