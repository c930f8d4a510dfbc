import TouchstoneGraph
import TouchstoneModel

extension ClipGradient: Evaluated {
  /// dy where x is within the limit, else 0.
  ///
  /// Clauses: BWD-16.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let (dy, x) = (operands.activations[0], operands.activations[1])
    return Tensor(zip(dy.values, x.values).map { passes($1) ? $0 : 0 }, shape: x.shape)
  }
}
