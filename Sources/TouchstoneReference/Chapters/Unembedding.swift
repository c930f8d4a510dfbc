import TouchstoneModel

/// Vectors become logits: y[t, v] = Σₖ x[t, k]·table[v, k], one score for each token of the vocabulary.
///
/// Clauses: UNE-1.
///
/// - Parameters:
///   - x: the normalised last vectors: [T, D].
///   - table: [V, D]; the token embedding itself in a model that ties the two (Press & Wolf 2017).
/// - Returns: [T, V].
public func unembedding(_ x: Tensor<Double>, table: Tensor<Double>) -> Tensor<Double> {
  precondition(x.rowWidth == table.rowWidth, "\(x.shape) does not multiply \(table.shape) transposed")
  let width = table.rowWidth
  let (inputs, rows) = (x.values.span, table.values.span)
  var logits = Tensor<Double>(repeating: 0, shape: [x.rowCount, table.rowCount])
  for id in 0..<table.rowCount {
    let row = rows.extracting(id * width..<(id + 1) * width)
    for token in 0..<x.rowCount {
      let input = inputs.extracting(token * width..<(token + 1) * width)
      var product = 0.0
      for k in 0..<width {
        product += input[k] * row[k]
      }
      logits[token, id] = product
    }
  }
  return logits
}
