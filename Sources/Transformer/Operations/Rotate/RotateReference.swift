import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Rotate: Evaluated {
  /// Each pair (a, b) of columns of token t turned by φ = position[t]·ω_p, in every head alike.
  ///
  /// It becomes magnitude·(a·cos φ − b·sin φ, b·cos φ + a·sin φ); the other columns stay as they are.
  ///
  /// Clauses: ROP-1 to ROP-5.
  package func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    let x = operands.activations[0]  // [n, T, d]
    let positions = inputs.positionIDs
    let frequencies = frequencies.values(
      pairs: width / 2, sequenceLength: (positions.max() ?? 0) + 1)  // [width/2]
    var y = x
    for (token, position) in positions.enumerated() {
      for pair in 0..<width / 2 {
        let angle = direction * Double(position) * frequencies[pair]
        let (cosine, sine) = (magnitude * cos(angle), magnitude * sin(angle))
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
