import TouchstoneModel

/// Text to token ids and back: byte-level byte-pair encoding as GPT-2 defines it.
///
/// Radford et al. 2019, §2.2, and `encoder.py` of that release. Text is split into words by GPT-2's pattern (``WordSplitter``), and the bytes of each word are merged pair by
/// pair in the order of the merge list (Sennrich et al. 2016). Every token is a string of bytes, so that any bytes
/// can be encoded and come back unchanged, whether or not they are text.
public struct Tokenizer: Sendable {
  /// What text that spells a special token, such as `<|endoftext|>`, is turned into.
  public enum SpecialTokens: Sendable {
    /// The token's own id, as in Hugging Face's tokenizers.
    case recognised
    /// The ids of its letters and signs, as for any other text: for text that is not trusted.
    case asText
  }

  private let vocabulary: Vocabulary

  init(vocabulary: Vocabulary) {
    self.vocabulary = vocabulary
  }

  /// The number of token ids: they run from 0 to one below it.
  public var vocabularySize: Int { vocabulary.tokens.count }

  /// The tokens that no text is merged into, such as `<|endoftext|>`, and their ids.
  public var specialTokens: [String: Int] {
    Dictionary(
      vocabulary.specialTokens.map { (String(decoding: $0.bytes, as: UTF8.self), $0.id) },
      uniquingKeysWith: { first, _ in first })
  }

  /// The id of `<|endoftext|>`; nil where the vocabulary has none.
  public var endOfText: Int? { specialTokens["<|endoftext|>"] }

  /// The ids of `text`.
  ///
  /// - Throws: `BadInput` when a byte of the text has no token. GPT-2's vocabulary has one for each.
  public func encode(
    _ text: String, specialTokens: SpecialTokens = .recognised
  ) throws(BadInput) -> [Int] {
    try encode(bytes: Array(text.utf8), specialTokens: specialTokens)
  }

  /// The ids of any bytes; ``bytes(of:)`` gives the same bytes back.
  ///
  /// Where the bytes are UTF-8, the ids are those of the text. A byte that belongs to no well-formed character is
  /// split as if it were a sign (neither letter, digit nor space).
  ///
  /// - Throws: `BadInput` when a byte has no token. GPT-2's vocabulary has one for each.
  public func encode(
    bytes: [UInt8], specialTokens: SpecialTokens = .recognised
  ) throws(BadInput) -> [Int] {
    var encoder = WordEncoder(vocabulary: vocabulary)
    var rest = bytes[...]
    if specialTokens == .recognised {
      while let found = vocabulary.firstSpecialToken(in: rest) {
        try encoder.encode(text: rest[..<found.range.lowerBound])
        encoder.append(found.id)
        rest = rest[found.range.upperBound...]
      }
    }
    try encoder.encode(text: rest)
    return encoder.ids
  }

  /// The bytes that the token `id` stands for; they need not be whole characters.
  ///
  /// - Throws: `BadInput` for an id outside the vocabulary.
  public func token(_ id: Int) throws(BadInput) -> [UInt8] {
    guard vocabulary.tokens.indices.contains(id) else {
      throw BadInput(
        place: "token ids", problem: "\(id) is outside the tokenizer's vocabulary 0…\(vocabularySize - 1)",
        remedy: "use ids of this tokenizer")
    }
    return vocabulary.tokens[id]
  }

  /// The bytes that `ids` stand for, joined.
  ///
  /// - Throws: `BadInput` for an id outside the vocabulary.
  public func bytes(of ids: some Sequence<Int>) throws(BadInput) -> [UInt8] {
    var bytes: [UInt8] = []
    for id in ids {
      bytes += try token(id)
    }
    return bytes
  }

  /// The text that `ids` stand for.
  ///
  /// The bytes are joined before they are read as UTF-8, since a character may be spread over several tokens;
  /// what is still not UTF-8 becomes U+FFFD.
  ///
  /// - Throws: `BadInput` for an id outside the vocabulary.
  public func decode(_ ids: some Sequence<Int>) throws(BadInput) -> String {
    String(decoding: try bytes(of: ids), as: UTF8.self)
  }
}
