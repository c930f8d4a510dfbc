import Foundation
import TouchstoneGraph
import TouchstoneModel

/// The operations of one float32 arithmetic.
extension HonestArithmetic {
  func layerNorm(_ x: Tensor<Float>, _ gain: [Float], _ bias: [Float], _ epsilon: Float) -> Tensor<Float> {
    let width = Float(x.rowWidth)
    let rows = (0..<x.rowCount).flatMap { index -> [Float] in
      let row = Array(x.row(index))
      var mean = summation.sum(row) / width
      let variance: Float
      switch layerNorm {
      case .twoPass, .folded:
        let deviations = row.map { $0 - mean }
        variance = summation.dot(deviations, deviations) / width
      case .onePass:
        variance = max(0, summation.dot(row, row) / width - mean * mean)
      case .welford:
        var (running, squares) = (Float(0), Float(0))
        for (count, value) in row.enumerated() {
          let before = value - running
          running += before / Float(count + 1)
          squares += before * (value - running)
        }
        mean = running
        variance = squares / width
      }
      let inverse = 1 / (variance + epsilon).squareRoot()
      return row.indices.map { column in
        if case .folded = layerNorm {
          return gain[column] * (row[column] * inverse + -mean * inverse) + bias[column]
        }
        return (row[column] - mean) * inverse * gain[column] + bias[column]
      }
    }
    return Tensor(rows, shape: x.shape)
  }

  func scores(_ query: Tensor<Float>, _ key: Tensor<Float>, scale: Float, inputs: Inputs) -> Tensor<Float> {
    let (heads, tokens) = (query.shape[0], query.shape[1])
    var scores = Tensor<Float>(repeating: -.infinity, shape: [heads, tokens, tokens])
    for head in 0..<heads {
      for row in 0..<tokens {
        let q = query.row(head * tokens + row).map { scalesQueries ? $0 * scale : $0 }
        for column in 0..<tokens where inputs.isVisible(key: column, from: row) {
          let product = summation.dot(q, Array(key.row(head * tokens + column)))
          scores[head, row, column] = scalesQueries ? product : product * scale
        }
      }
    }
    return scores
  }

  func maskedSoftmax(_ scores: Tensor<Float>, inputs: Inputs) -> Tensor<Float> {
    var probabilities = Tensor<Float>(repeating: 0, shape: scores.shape)
    for row in 0..<scores.rowCount {
      let visible = visibleKeys(row, inputs)
      let weights = softmax(visible.map { scores[row, $0] })
      for (column, weight) in zip(visible, weights) { probabilities[row, column] = weight }
    }
    return probabilities
  }

  func context(_ probabilities: Tensor<Float>, _ value: Tensor<Float>, inputs: Inputs) -> Tensor<Float> {
    let (heads, tokens, width) = (value.shape[0], value.shape[1], value.shape[2])
    var context = Tensor<Float>(repeating: 0, shape: [tokens, heads * width])
    for row in 0..<heads * tokens {
      let visible = visibleKeys(row, inputs)
      let weights = visible.map { probabilities[row, $0] }
      for unit in 0..<width {
        let values = visible.map { value[row / tokens, $0, unit] }
        context[row % tokens, row / tokens * width + unit] = summation.dot(weights, values)
      }
    }
    return context
  }

  /// Attention without probabilities in memory: running maximum, sum and context, rescaled block by block.
  func fusedContext(_ scores: Tensor<Float>, _ value: Tensor<Float>, inputs: Inputs) -> Tensor<Float> {
    let (heads, tokens, width) = (value.shape[0], value.shape[1], value.shape[2])
    var block = 8
    if case .online(let size) = softmax { block = size }
    var context = Tensor<Float>(repeating: 0, shape: [tokens, heads * width])
    for row in 0..<heads * tokens {
      let visible = visibleKeys(row, inputs)
      var (greatest, total) = (-Float.infinity, Float(0))
      var sums = [Float](repeating: 0, count: width)
      for first in stride(from: 0, to: visible.count, by: block) {
        let keys = Array(visible[first..<min(first + block, visible.count)])
        let next = keys.reduce(greatest) { max($0, scores[row, $1]) }
        let rescale = exp(greatest - next)
        let weights = keys.map { exp(scores[row, $0] - next) }
        total = total * rescale + summation.sum(weights)
        for unit in 0..<width {
          let values = keys.map { value[row / tokens, $0, unit] }
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

  func softmax(_ x: [Float]) -> [Float] {
    guard let greatest = x.max() else { return [] }
    switch softmax {
    case .base2:
      let log2e = Float(1.4426950408889634)
      let shift = greatest * log2e
      let powers = x.map { exp2($0 * log2e - shift) }
      let total = summation.sum(powers)
      return powers.map { $0 / total }
    case .reciprocal:
      let powers = x.map { exp($0 - greatest) }
      let reciprocal = 1 / summation.sum(powers)
      return powers.map { $0 * reciprocal }
    case .exponential, .online:
      let powers = x.map { exp($0 - greatest) }
      let total = summation.sum(powers)
      return powers.map { $0 / total }
    }
  }

  func activate(_ x: Float, _ function: ActivationFunction) -> Float {
    switch (function, gelu) {
    case (.relu, _): return max(0, x)
    case (.geluTanh, .direct): return 0.5 * x * (1 + tanh(Self.tanhArgument(x)))
    case (.geluTanh, .byExponential):
      let power = exp(2 * Self.tanhArgument(x))
      return 0.5 * x * (1 + (power == .infinity ? 1 : (power - 1) / (power + 1)))
    case (.geluTanh, .byLogistic): return x / (1 + exp(-2 * Self.tanhArgument(x)))
    case (.geluErf, .direct): return 0.5 * x * (1 + erf(x * Float(0.5).squareRoot()))
    case (.geluErf, .byExponential): return x * 0.5 * erfc(-x / Float(2).squareRoot())
    case (.geluErf, .byLogistic): return 0.5 * x * (1 + Self.erfPolynomial(x * Float(0.5).squareRoot()))
    }
  }

  private static func tanhArgument(_ x: Float) -> Float {
    Float(0.7978845608028654) * (x + 0.044715 * x * x * x)
  }

  /// Abramowitz & Stegun 7.1.26: |error| ≤ 1.5e-7.
  private static func erfPolynomial(_ x: Float) -> Float {
    let t = 1 / (1 + 0.3275911 * abs(x))
    let coefficients: [Float] = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592]
    let polynomial = coefficients.reduce(Float(0)) { $0 * t + $1 } * t
    let magnitude = 1 - polynomial * exp(-x * x)
    return x < 0 ? -magnitude : magnitude
  }

  private func visibleKeys(_ row: Int, _ inputs: Inputs) -> [Int] {
    (0..<inputs.count).filter { inputs.isVisible(key: $0, from: row % inputs.count) }
  }
}
