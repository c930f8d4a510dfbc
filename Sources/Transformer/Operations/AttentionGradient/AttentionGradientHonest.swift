import TouchstoneGraph
import TouchstoneModel

extension AttentionGradient: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (pairs, inputs) = (operands.activations[0], operands.inputs)
    let rows = operands.activations[1].rowsOfTokens
    let tokens = inputs.count
    switch side {
    case .probabilities:
      let value = operands.activations[1]
      let width = value.rowWidth
      let keys = value.shape[1]
      var dp = Tensor<Float>(repeating: 0, shape: [heads, tokens, keys])
      for row in 0..<heads * tokens {
        let (head, query) = row.quotientAndRemainder(dividingBy: tokens)
        let valueHead = head * value.shape[0] / heads
        let gradient = Array(pairs.row(query)[(query * pairs.rowWidth + head * width)...].prefix(width))
        for key in inputs.visibleKeys(from: query, under: visibility) {
          dp[row, key] = arithmetic.summation.dot(gradient, Array(value.row(valueHead * keys + key)))
        }
      }
      return dp
    case .queries:
      let key = operands.activations[1]
      var dq = Tensor<Float>(repeating: 0, shape: [heads, tokens, key.rowWidth])
      for row in 0..<heads * tokens {
        let (head, query) = row.quotientAndRemainder(dividingBy: tokens)
        let keyHead = head * key.shape[0] / heads
        let visible = inputs.visibleKeys(from: query, under: visibility)
        for column in 0..<key.rowWidth {
          dq[row, column] = scaled(
            visible.map { pairs[row, $0] }, visible.map { key[keyHead, $0, column] }, arithmetic)
        }
      }
      return dq
    case .values, .keys:
      let (count, keys) = (pairs.shape[0], pairs.shape[2])
      let width = rows.rowWidth / count
      var sums = Tensor<Float>(repeating: 0, shape: [heads, keys, width])
      for keyHead in 0..<heads {
        let group = (0..<count).filter { $0 * heads / count == keyHead }
        for key in 0..<keys {
          let queries = (0..<pairs.shape[1]).filter {
            inputs.isVisible(key: key, from: $0, under: visibility)
          }
          for column in 0..<width {
            sums[keyHead, key, column] = scaled(
              group.flatMap { head in queries.map { pairs[head, $0, key] } },
              group.flatMap { head in queries.map { rows[$0, head * width + column] } }, arithmetic)
          }
        }
      }
      return sums
    }
  }

  /// A sum of products, scaled before or after.
  private func scaled(_ left: [Float], _ right: [Float], _ arithmetic: HonestArithmetic) -> Float {
    guard scale != 1 else { return arithmetic.summation.dot(left, right) }
    let scale = Float(scale)
    return arithmetic.scalesQueries
      ? arithmetic.summation.dot(left, right.map { $0 * scale })
      : arithmetic.summation.dot(left, right) * scale
  }
}
