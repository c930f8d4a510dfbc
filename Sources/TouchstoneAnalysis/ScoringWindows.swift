import TouchstoneModel

/// How a text that may be longer than the context is read, so that every token but the first is predicted once.
///
/// Window k reads the tokens from k·stride on, at most a full context of them, and predicts the token after each;
/// scored are those that no window before it has scored. With a stride of the whole context, windows do not overlap:
/// the cheapest way, and how training reads, but the first token scored in each window is predicted from one token
/// alone. With a smaller stride, every token after the first window is predicted from at least
/// contextLength − stride + 1 tokens before it.
public struct ScoringWindows: Sequence, Sendable {
  /// One pass of the model.
  public struct Window: Hashable, Sendable {
    /// The tokens that the model reads.
    public let read: Range<Int>
    /// The tokens whose probability is taken from it; each stands one after a token that was read.
    public let scored: Range<Int>
  }

  /// Tokens in the text.
  public let tokenCount: Int
  /// The most tokens that the model can read.
  public let contextLength: Int
  /// How far each window lies behind the one before it, in 1…contextLength.
  public let stride: Int

  /// Plans how a text is read.
  ///
  /// - Throws: ``BadInput`` for a stride outside 1…`contextLength`.
  public init(tokenCount: Int, contextLength: Int, stride: Int) throws(BadInput) {
    guard stride >= 1, stride <= contextLength else {
      throw BadInput(
        place: "stride", problem: "\(stride) is outside 1…\(contextLength)",
        remedy: "give at most the context of the model")
    }
    self.tokenCount = tokenCount
    self.contextLength = contextLength
    self.stride = stride
  }

  /// The windows in the order of the text; none for a text of fewer than two tokens.
  public func makeIterator() -> AnyIterator<Window> {
    var start = 0
    var scoredEnd = 1
    return AnyIterator {
      guard scoredEnd < tokenCount else { return nil }
      let end = Swift.min(start + contextLength, tokenCount - 1)
      defer {
        start += stride
        scoredEnd = end + 1
      }
      return Window(read: start..<end, scored: scoredEnd..<end + 1)
    }
  }
}
