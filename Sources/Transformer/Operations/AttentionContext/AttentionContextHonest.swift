import Foundation
import TouchstoneGraph
import TouchstoneModel

extension AttentionContext: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (probabilities, value) = (operands.activations[0], operands.activations[1])
    let (heads, tokens, width) = (probabilities.shape[0], probabilities.shape[1], value.shape[2])
    var context = Tensor<Float>(repeating: 0, shape: [tokens, heads * width])
    for row in 0..<heads * tokens {
      let valueHead = row / tokens * value.shape[0] / heads
      let visible = operands.inputs.visibleKeys(from: row % tokens, under: visibility)
      let weights = visible.map { probabilities[row, $0] }
      for unit in 0..<width {
        let values = visible.map { value[valueHead, $0, unit] }
        context[row % tokens, row / tokens * width + unit] = arithmetic.summation.dot(weights, values)
      }
    }
    return context
  }

  /// Attention without probabilities in memory: running maximum, sum and context, rescaled block by block.
  ///
  /// - Parameters:
  ///   - scores: [H, T, T].
  ///   - value: [KV, T, d].
  func value(
    scores: Tensor<Float>, _ value: Tensor<Float>, inputs: Inputs, by arithmetic: HonestArithmetic
  ) -> Tensor<Float> {
    let (heads, tokens, width) = (scores.shape[0], scores.shape[1], value.shape[2])
    let summation = arithmetic.summation
    var block = 8
    if case .online(let size) = arithmetic.softmax { block = size }
    var context = Tensor<Float>(repeating: 0, shape: [tokens, heads * width])
    for row in 0..<heads * tokens {
      let valueHead = row / tokens * value.shape[0] / heads
      let visible = inputs.visibleKeys(from: row % tokens, under: visibility)
      var (greatest, total) = (-Float.infinity, Float(0))
      var sums = [Float](repeating: 0, count: width)
      for first in stride(from: 0, to: visible.count, by: block) {
        let keys = Array(visible[first..<min(first + block, visible.count)])
        let next = keys.reduce(greatest) { max($0, scores[row, $1]) }
        let rescale = exp(greatest - next)
        let weights = keys.map { exp(scores[row, $0] - next) }
        total = total * rescale + summation.sum(weights)
        for unit in 0..<width {
          let values = keys.map { value[valueHead, $0, unit] }
          sums[unit] = sums[unit] * rescale + summation.dot(weights, values)
        }
        greatest = next
      }
      for unit in 0..<width where total > 0 {
        context[row % tokens, row / tokens * width + unit] = sums[unit] / total
      }
    }
    return context
  }
}
