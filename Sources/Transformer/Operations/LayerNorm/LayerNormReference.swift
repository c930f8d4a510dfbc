import TouchstoneGraph
import TouchstoneModel

extension LayerNorm: Evaluated {
  /// y = (x − μ)/√(σ² + ε)·weight + bias, with μ the mean and σ² the population variance (divided by D, not D − 1) of
  /// each row; ε stands inside the square root.
  ///
  /// Clauses: LN-1 to LN-4.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let x = operands.activations[0]
    let weight = operands.parameters.first
    let bias = operands.parameters.dropFirst().first
    let width = x.rowWidth
    var y = x
    for row in 0..<x.rowCount {
      var total = 0.0
      for column in 0..<width {
        total += x[row, column]
      }
      let mean = total / Double(width)

      var squares = 0.0
      for column in 0..<width {
        let deviation = x[row, column] - mean
        squares += deviation * deviation
      }
      let variance = squares / Double(width)

      let scale = 1 / (variance + epsilon).squareRoot()
      for column in 0..<width {
        y[row, column] = (x[row, column] - mean) * scale
        if let weight { y[row, column] *= weight[column] }
        if let bias { y[row, column] += bias[column] }
      }
    }
    return y
  }
}
