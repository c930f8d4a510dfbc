import TouchstoneGraph
import TouchstoneModel

extension Modulation: Evaluated {
  /// y[t, d] = x[t, d]·(plus + c[scale·D + d]) + c[shift·D + d]: [T, D].
  ///
  /// Clauses: MOD-2, MOD-3.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    var y = operands.activations[0]  // [T, D]
    let condition = operands.activations[1].values  // [n·D]
    let width = y.rowWidth
    for row in 0..<y.rowCount {
      for column in 0..<width {
        var factor = condition[scale * width + column]
        // Adding 0 would turn −0 into 0.
        if plus != 0 { factor += plus }
        y[row, column] *= factor
        if let shift { y[row, column] += condition[shift * width + column] }
      }
    }
    return y
  }
}
