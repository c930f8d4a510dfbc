import TouchstoneModel

/// Layer normalisation of each row (Ba, Kiros & Hinton 2016, equation 4).
///
/// y = (x − μ)/√(σ² + ε)·weight + bias, with μ the mean and σ² the population variance (divided by D, not
/// D − 1) of the row; ε stands inside the square root.
///
/// Clauses: LN-1 to LN-4.
///
/// - Parameters:
///   - x: [T, D].
///   - weight: the gain: [D].
///   - bias: the shift: [D].
///   - epsilon: ε.
/// - Returns: [T, D].
public func layerNorm(
  _ x: Tensor<Double>, weight: Tensor<Double>, bias: Tensor<Double>, epsilon: Double
) -> Tensor<Double> {
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
      y[row, column] = (x[row, column] - mean) * scale * weight.values[column] + bias.values[column]
    }
  }
  return y
}
