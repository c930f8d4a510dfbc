import TouchstoneGraph
import TouchstoneModel

extension Given: Evaluated {
  /// The array as it was given.
  ///
  /// Clauses: PIC-1.
  package func value(_: Operands, in inputs: Inputs) -> Tensor<Double> {
    inputs.array(input).converted(to: Double.self)
  }
}
