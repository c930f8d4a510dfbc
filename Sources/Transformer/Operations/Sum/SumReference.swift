import TouchstoneGraph
import TouchstoneModel

extension Sum: Evaluated {
  /// ((x₁ + x₂) + x₃) + …, element by element.
  ///
  /// Clauses: POS-3, RES-3, RES-4.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    var y = operands.activations[0]
    for x in operands.activations.dropFirst() {
      precondition(x.shape == y.shape, "the summands have the shapes \(y.shape) and \(x.shape)")
      for index in 0..<y.count {
        y.values[index] += x.values[index]
      }
    }
    return y
  }
}
