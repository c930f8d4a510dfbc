import TouchstoneModel

/// Turns token ids into text one at a time, and never hands out part of a character.
///
/// The pieces, joined, are what ``Tokenizer/decode(_:)`` gives for all the ids.
public struct StreamingDecoder: Sendable {
  private let tokenizer: Tokenizer
  private var run: DecodingRun
  private var pending: [UInt8] = []

  /// Starts with no text.
  public init(_ tokenizer: Tokenizer) {
    self.tokenizer = tokenizer
    self.run = DecodingRun(tokenizer.steps.decoders, replacesIllFormed: true)
  }

  /// The characters that `id` completes; empty while one is still incomplete.
  ///
  /// - Throws: `BadInput` for an id outside the vocabulary; nothing is lost then.
  public mutating func append(_ id: Int) throws(BadInput) -> String {
    pending += run.feed(try tokenizer.fragment(id))
    let complete = pending.count - UTF8Scalar.incompleteSuffixCount(of: pending)
    let text = String(decoding: pending[..<complete], as: UTF8.self)
    pending.removeFirst(complete)
    return text
  }

  /// What was held back, with U+FFFD for the character that was never completed; empty if there is none.
  public mutating func finish() -> String {
    let text = String(decoding: pending + run.finish(), as: UTF8.self)
    pending = []
    run = DecodingRun(tokenizer.steps.decoders, replacesIllFormed: true)
    return text
  }
}
