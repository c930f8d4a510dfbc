import TouchstoneModel

/// Tokens become vectors: row `ids[t]` of a table, for each token.
///
/// Clauses: EMB-1, POS-1.
///
/// - Parameters:
///   - ids: one id for each token, each a row of the table: [T].
///   - table: token embedding [V, D] or position embedding [context, D].
/// - Returns: [T, D].
public func embedding(_ ids: [Int], table: Tensor<Double>) -> Tensor<Double> {
  Tensor(ids.flatMap { table.row($0) }, shape: [ids.count, table.rowWidth])
}

/// The residual stream: the element-wise sum of two tensors of one shape.
///
/// Clauses: POS-3, RES-3, RES-4.
public func sum(_ a: Tensor<Double>, _ b: Tensor<Double>) -> Tensor<Double> {
  precondition(a.shape == b.shape, "the summands have the shapes \(a.shape) and \(b.shape)")
  var result = a
  for index in 0..<a.count {
    result.values[index] = a.values[index] + b.values[index]
  }
  return result
}
