import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Rotate: Honest {
  /// Angles in float32, or tables made in float64.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let x = operands.activations[0]
    let positions = operands.inputs.positionIDs
    let (pairs, length) = (width / 2, (positions.max() ?? 0) + 1)
    let exact = frequencies.values(pairs: pairs, sequenceLength: length)
    let own = frequencies.float32Values(pairs: pairs, sequenceLength: length, by: arithmetic.rotary)
    let (stored, isFused) = (operands.stored, arithmetic.summation.isFused)
    var y = x
    for (token, position) in positions.enumerated() {
      for pair in 0..<pairs {
        let angle = Float(direction) * Float(position) * own[pair]
        var (cosine, sine) = (cos(angle), sin(angle))
        if case .tables = arithmetic.rotary {
          let angle = direction * Double(position) * exact[pair]
          (cosine, sine) = (Float(cos(angle)), Float(sin(angle)))
        }
        if magnitude != 1 { (cosine, sine) = (cosine * Float(magnitude), sine * Float(magnitude)) }
        (cosine, sine) = (stored(cosine), stored(sine))
        let (from, to) = columns(of: pair)
        for head in 0..<x.shape[0] {
          let (a, b) = (x[head, token, from.0], x[head, token, from.1])
          if isFused {
            y[head, token, to.0] = stored(a * cosine).addingProduct(-b, sine)
            y[head, token, to.1] = stored(b * cosine).addingProduct(a, sine)
          } else {
            y[head, token, to.0] = stored(a * cosine) - stored(b * sine)
            y[head, token, to.1] = stored(b * cosine) + stored(a * sine)
          }
        }
      }
    }
    return y
  }
}
