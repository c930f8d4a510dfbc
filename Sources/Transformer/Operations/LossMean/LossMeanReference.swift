import TouchstoneGraph
import TouchstoneModel

extension LossMean: Evaluated {
  /// The losses of all tokens, added and divided.
  ///
  /// Clauses: LOS-4.
  package func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    let sum = operands.activations[0].values.reduce(0, +)
    return Tensor([sum / loss.divisor(of: inputs)], shape: [])
  }
}
