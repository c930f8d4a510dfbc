import TouchstoneGraph
import TouchstoneModel

extension Scale: Evaluated {
  /// factor·x, element by element.
  ///
  /// Clauses: GRA-8.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let x = operands.activations[0]
    return Tensor(x.values.map { factor * $0 }, shape: x.shape)
  }
}
