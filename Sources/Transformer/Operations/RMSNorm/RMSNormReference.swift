import TouchstoneGraph
import TouchstoneModel

extension RMSNorm: Evaluated {
  /// y = x/√(mean x² + ε)·(offset + weight), the mean over a row of the last axis, or over all heads of a token.
  ///
  /// Clauses: RMS-1 to RMS-5.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let x = operands.activations[0]
    let weight = operands.parameters[0]
    let width = x.rowWidth
    // Joined: rows of [H, T, d] that belong to one token are T apart.
    let headCount = isJoined ? x.shape[0] : 1
    let tokenCount = x.rowCount / headCount
    var y = x
    for token in 0..<tokenCount {
      let rows = (0..<headCount).map { $0 * tokenCount + token }
      var squares = 0.0
      for row in rows {
        for column in 0..<width {
          squares += x[row, column] * x[row, column]
        }
      }
      let scale = 1 / (squares / Double(headCount * width) + epsilon).squareRoot()
      for (head, row) in rows.enumerated() {
        for column in 0..<width {
          y[row, column] = x[row, column] * scale * (offset + weight[head * width + column])
        }
      }
    }
    return y
  }
}
