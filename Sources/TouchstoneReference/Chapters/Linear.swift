import TouchstoneModel

/// A matrix times each vector: y[t, j] = bias[j] + Σₖ x[t, k]·weight[k, j], for the given columns j.
///
/// The loops run over k outermost, so that each row of the matrix is read once; every output still adds its
/// terms in the order of k, starting from the bias.
///
/// Clauses: ATT-1, ATT-18, FFN-1, FFN-12, NUM-5.
///
/// - Parameters:
///   - x: [T, K].
///   - weight: [K, N].
///   - bias: [N]; nil for none.
///   - columns: which outputs to compute; all N unless given.
/// - Returns: [T, columns.count].
public func linear(
  _ x: Tensor<Double>, weight: Tensor<Double>, bias: Tensor<Double>?, columns: Range<Int>? = nil
) -> Tensor<Double> {
  precondition(x.rowWidth == weight.rowCount, "\(x.shape) does not multiply \(weight.shape)")
  let columns = columns ?? 0..<weight.rowWidth
  let start = bias.map { Array($0.values[columns]) } ?? [Double](repeating: 0, count: columns.count)
  var outputs = [[Double]](repeating: start, count: x.rowCount)
  let weights = weight.values.span
  for k in 0..<weight.rowCount {
    let first = k * weight.rowWidth + columns.lowerBound
    let weightRow = weights.extracting(first..<first + columns.count)
    for token in 0..<x.rowCount {
      add(weightRow, times: x[token, k], to: &outputs[token])
    }
  }
  return Tensor(Array(outputs.joined()), shape: [x.rowCount, columns.count])
}

/// y[j] += row[j]·factor for every j.
private func add(_ row: Span<Double>, times factor: Double, to output: inout [Double]) {
  var y = output.mutableSpan
  for j in 0..<row.count {
    y[j] += row[j] * factor
  }
}
