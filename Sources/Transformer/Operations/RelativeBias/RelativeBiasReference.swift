import TouchstoneGraph
import TouchstoneModel

extension RelativeBias: Evaluated {
  /// W[bucket(j − i), h]: [H, T, T].
  ///
  /// Clauses: TWO-3, TWO-4.
  package func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    let table = operands.parameters[0].tensor  // [B, H]
    return biases(in: inputs, heads: table.rowWidth) { head, bucket in table[bucket, head] }
  }

  /// [H, T, T] of what stands for each head and bucket.
  package func biases<Number>(
    in inputs: Inputs, heads: Int, _ bias: (_ head: Int, _ bucket: Int) -> Number
  ) -> Tensor<Number> {
    let count = inputs.count
    // Of each offset from −(T − 1) on.
    let buckets = (0..<max(2 * count - 1, 0)).map { bucket(of: $0 - count + 1) }
    let values = (0..<heads).flatMap { head in
      (0..<count).flatMap { query in
        (0..<count).map { key in bias(head, buckets[key - query + count - 1]) }
      }
    }
    return Tensor(values, shape: [heads, count, count])
  }
}
