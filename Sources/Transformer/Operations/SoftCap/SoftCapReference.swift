import Foundation
import TouchstoneGraph
import TouchstoneModel

extension SoftCap: Evaluated {
  /// cap·tanh(x/cap), element by element; a score that is masked stays −∞.
  ///
  /// Clauses: ATT-28.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let x = operands.activations[0]
    return Tensor(x.values.map { $0 == -.infinity ? $0 : cap * tanh($0 / cap) }, shape: x.shape)
  }
}
