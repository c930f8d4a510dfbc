import TouchstoneGraph
import TouchstoneModel

extension AttentionGradient: Evaluated {
  /// Sums over the visible pairs, in the order of heads, queries and keys.
  ///
  /// Clauses: BWD-12, BWD-13, BWD-15.
  package func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    let (pairs, rows) = (operands.activations[0], operands.activations[1])
    switch side {
    case .probabilities: return ofProbabilities(pairs, rows, inputs)
    case .queries: return ofQueries(pairs, rows, inputs)
    case .values, .keys: return ofKeyRows(pairs, rows, inputs)
    }
  }

  /// do [T, H·d] and v [KV, S, d] to dp [H, T, S].
  private func ofProbabilities(
    _ gradient: Tensor<Double>, _ value: Tensor<Double>, _ inputs: Inputs
  ) -> Tensor<Double> {
    let (tokenCount, keyCount, width) = (inputs.count, value.shape[1], value.rowWidth)
    var dp = Tensor<Double>(repeating: 0, shape: [heads, tokenCount, keyCount])
    for head in 0..<heads {
      let valueHead = head * value.shape[0] / heads
      for i in 0..<tokenCount {
        for j in 0..<keyCount where inputs.isVisible(key: j, from: i, under: visibility) {
          var sum = 0.0
          for column in 0..<width {
            sum += gradient[i, head * width + column] * value[valueHead, j, column]
          }
          dp[head, i, j] = sum
        }
      }
    }
    return dp
  }

  /// ds [H, T, S] and k [KV, S, d] to dq [H, T, d].
  private func ofQueries(
    _ gradient: Tensor<Double>, _ key: Tensor<Double>, _ inputs: Inputs
  ) -> Tensor<Double> {
    let (tokenCount, width) = (inputs.count, key.rowWidth)
    var dq = Tensor<Double>(repeating: 0, shape: [heads, tokenCount, width])
    for head in 0..<heads {
      let keyHead = head * key.shape[0] / heads
      for i in 0..<tokenCount {
        for j in 0..<key.shape[1] where inputs.isVisible(key: j, from: i, under: visibility) {
          for column in 0..<width {
            dq[head, i, column] += gradient[head, i, j] * key[keyHead, j, column]
          }
        }
      }
    }
    return Tensor(dq.values.map { scale * $0 }, shape: dq.shape)
  }

  /// p [H, T, S] and do [T, H·d] to dv, or ds [H, T, S] and q [H, T, d] to dk: [KV, S, d].
  private func ofKeyRows(
    _ pairs: Tensor<Double>, _ rows: Tensor<Double>, _ inputs: Inputs
  ) -> Tensor<Double> {
    let (headCount, tokenCount, keyCount) = (pairs.shape[0], pairs.shape[1], pairs.shape[2])
    let width = side == .values ? rows.rowWidth / headCount : rows.rowWidth
    var sums = Tensor<Double>(repeating: 0, shape: [heads, keyCount, width])
    for head in 0..<headCount {
      let keyHead = head * heads / headCount
      for i in 0..<tokenCount {
        for j in 0..<keyCount where inputs.isVisible(key: j, from: i, under: visibility) {
          for column in 0..<width {
            sums[keyHead, j, column] +=
              pairs[head, i, j] * rows.value(token: i, column: head * width + column)
          }
        }
      }
    }
    return scale == 1 ? sums : Tensor(sums.values.map { scale * $0 }, shape: sums.shape)
  }
}
