import TouchstoneModel

/// The scores, what they are capped to, and the probabilities of one block, kept for an observer: [H, T, T], or [H, T, S].
///
/// What no softmax wrote stays −∞ and 0, the causal mask.
final class ObservedAttention: @unchecked Sendable {
  let scores: UnsafeMutablePointer<Float>
  /// Scores after the cap; empty where there is none.
  let capped: UnsafeMutablePointer<Float>
  let probabilities: UnsafeMutablePointer<Float>
  private let heads: Int
  private let tokens: Int
  private let keys: Int

  init(heads: Int, tokens: Int, keys: Int, isCapped: Bool) {
    self.heads = heads
    self.tokens = tokens
    self.keys = keys
    let count = heads * tokens * keys
    func filled(_ count: Int, with value: Float) -> UnsafeMutablePointer<Float> {
      let values = UnsafeMutablePointer<Float>.allocate(capacity: count)
      values.initialize(repeating: value, count: count)
      return values
    }
    scores = filled(count, with: -.infinity)
    capped = filled(isCapped ? count : 0, with: -.infinity)
    probabilities = filled(count, with: 0)
  }

  deinit {
    scores.deallocate()
    capped.deallocate()
    probabilities.deallocate()
  }

  func row(head: Int, row: Int) -> Int { (head * tokens + row) * keys }

  func scoresTensor() -> Tensor<Float> { tensor(scores) }
  func cappedTensor() -> Tensor<Float> { tensor(capped) }
  func probabilitiesTensor() -> Tensor<Float> { tensor(probabilities) }

  private func tensor(_ values: UnsafeMutablePointer<Float>) -> Tensor<Float> {
    let shape = [heads, tokens, keys]
    return Tensor(Array(UnsafeBufferPointer(start: values, count: shape.reduce(1, *))), shape: shape)
  }
}
