import TouchstoneGraph
import TouchstoneModel

extension TakenColumns: Evaluated {
  /// The columns, added over the heads in their order where they are one head's.
  ///
  /// Clauses: BWD-21.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let x = operands.activations[0]
    let (heads, tokens) = (x.shape[0], x.shape[1])
    var y = Tensor<Double>(repeating: 0, shape: [addsHeads ? 1 : heads, tokens, columns.count])
    for head in 0..<heads {
      for token in 0..<tokens {
        for (place, column) in columns.enumerated() {
          y[addsHeads ? 0 : head, token, place] += x[head, token, column]
        }
      }
    }
    return y
  }
}
