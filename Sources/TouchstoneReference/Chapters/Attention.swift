import Foundation
import TouchstoneModel

// The vectors talk to each other: scaled dot-product attention with several heads
// (Vaswani et al. 2017, §3.2), causal as in GPT-2. H heads of width d; row = query, column = key.

/// Splits vectors into heads: head h takes the columns h·d ..< (h + 1)·d.
///
/// Clauses: ATT-2.
///
/// - Parameters:
///   - x: [T, H·d].
///   - headCount: H.
/// - Returns: [H, T, d].
public func splitHeads(_ x: Tensor<Double>, headCount: Int) -> Tensor<Double> {
  let tokenCount = x.rowCount
  let headWidth = x.rowWidth / headCount
  var heads = Tensor<Double>(repeating: 0, shape: [headCount, tokenCount, headWidth])
  for head in 0..<headCount {
    for token in 0..<tokenCount {
      for column in 0..<headWidth {
        heads[head, token, column] = x[token, head * headWidth + column]
      }
    }
  }
  return heads
}

/// How strongly each token looks for each other: scale·(q·k) where the key is visible, −∞ elsewhere.
///
/// Clauses: ATT-4, ATT-7 to ATT-9.
///
/// - Parameters:
///   - query: [H, T, d].
///   - key: [H, T, d].
///   - scale: the factor on each product, 1/√d.
///   - inputs: says which keys are visible: none later than the query, none that is masked.
/// - Returns: [H, T, T].
public func attentionScores(
  query: Tensor<Double>, key: Tensor<Double>, scale: Double, inputs: Inputs
) -> Tensor<Double> {
  let (headCount, tokenCount, headWidth) = (query.shape[0], query.shape[1], query.shape[2])
  var scores = Tensor<Double>(repeating: -.infinity, shape: [headCount, tokenCount, tokenCount])
  for head in 0..<headCount {
    for i in 0..<tokenCount {
      for j in 0..<tokenCount where inputs.isVisible(key: j, from: i) {
        var product = 0.0
        for column in 0..<headWidth {
          product += query[head, i, column] * key[head, j, column]
        }
        scores[head, i, j] = scale * product
      }
    }
  }
  return scores
}

/// Scores become weights: softmax over the visible keys of each query, exactly 0 elsewhere.
///
/// A query without a visible key has the weight 0 everywhere.
///
/// Clauses: ATT-10, ATT-11, ATT-14.
///
/// - Parameters:
///   - scores: [H, T, T]; entries that are not visible are not read.
///   - inputs: says which keys are visible.
/// - Returns: [H, T, T]; each row with a visible key sums to 1.
public func maskedSoftmax(_ scores: Tensor<Double>, inputs: Inputs) -> Tensor<Double> {
  let (headCount, tokenCount) = (scores.shape[0], scores.shape[1])
  var probabilities = Tensor<Double>(repeating: 0, shape: scores.shape)
  for head in 0..<headCount {
    for i in 0..<tokenCount {
      let visible = (0..<tokenCount).filter { inputs.isVisible(key: $0, from: i) }
      let weights = softmax(visible.map { scores[head, i, $0] })
      for (j, weight) in zip(visible, weights) {
        probabilities[head, i, j] = weight
      }
    }
  }
  return probabilities
}

/// What each token hears: the average of the visible values, weighted by the probabilities; heads side by side.
///
/// Clauses: ATT-15, ATT-17.
///
/// - Parameters:
///   - probabilities: [H, T, T].
///   - value: [H, T, d].
///   - inputs: says which keys are visible.
/// - Returns: [T, H·d].
public func attentionContext(
  probabilities: Tensor<Double>, value: Tensor<Double>, inputs: Inputs
) -> Tensor<Double> {
  let (headCount, tokenCount, headWidth) = (value.shape[0], value.shape[1], value.shape[2])
  var context = Tensor<Double>(repeating: 0, shape: [tokenCount, headCount * headWidth])
  for head in 0..<headCount {
    for i in 0..<tokenCount {
      for j in 0..<tokenCount where inputs.isVisible(key: j, from: i) {
        let probability = probabilities[head, i, j]
        for column in 0..<headWidth {
          context[i, head * headWidth + column] += probability * value[head, j, column]
        }
      }
    }
  }
  return context
}
