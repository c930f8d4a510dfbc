import TouchstoneGraph
import TouchstoneModel

extension RelativeBias: Evaluated {
  /// W[bucket(j − i), h]: [H, T, T].
  ///
  /// Clauses: TWO-3, TWO-4.
  package func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    let table = operands.parameters[0].tensor  // [B, H]
    let (heads, count) = (table.rowWidth, inputs.count)
    // Of each offset from −(T − 1) on.
    let buckets = (0..<max(2 * count - 1, 0)).map { bucket(of: $0 - count + 1) }
    var y = Tensor<Double>(repeating: 0, shape: [heads, count, count])
    for head in 0..<heads {
      for query in 0..<count {
        for key in 0..<count { y[head, query, key] = table[buckets[key - query + count - 1], head] }
      }
    }
    return y
  }
}
