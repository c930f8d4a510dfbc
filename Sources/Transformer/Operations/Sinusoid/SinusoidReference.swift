import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Sinusoid: Evaluated {
  /// sin and cos of the position times each frequency: [T, D].
  ///
  /// Clauses: TWO-5.
  package func value(_: Operands, in inputs: Inputs) -> Tensor<Double> {
    let positions = inputs.ids(ids)
    var y = Tensor<Double>(repeating: 0, shape: [positions.count, width])
    for column in 0..<width {
      let (pair, isCosine) = term(of: column)
      let frequency = frequency(of: pair)
      for (token, position) in positions.enumerated() {
        let angle = Double(position) * frequency
        y[token, column] = isCosine ? cos(angle) : sin(angle)
      }
    }
    return y
  }
}
