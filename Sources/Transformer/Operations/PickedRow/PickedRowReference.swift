import TouchstoneGraph
import TouchstoneModel

extension PickedRow: Evaluated {
  /// x[t] for the token t that the rule picks: [1, D].
  ///
  /// Clauses: ENC-2, ENC-3.
  package func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    let x = operands.activations[0]  // [T, D]
    return Tensor(Array(x.row(rule.token(of: inputs.sequenceIDs))), shape: [1, x.rowWidth])
  }
}
