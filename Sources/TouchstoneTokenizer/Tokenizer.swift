import TouchstoneModel

/// Text to token ids and back, by the steps that a model's files declare.
///
/// Added tokens are taken out first, what is left is normalised, split into words, and each word encoded by the
/// model; then what every sequence begins or ends with is put around (Hugging Face tokenizers, `Tokenizer`). With the
/// files of GPT-2 this is byte-level byte-pair encoding: Radford et al. 2019, §2.2, and `encoder.py` of that release.
public struct Tokenizer: Sendable {
  /// What text that spells a special token, such as `<|endoftext|>`, is turned into.
  public enum SpecialTokens: Sendable {
    /// The token's own id, as in Hugging Face's tokenizers.
    case recognised
    /// The ids of its letters and signs, as for any other text: for text that is not trusted.
    case asText
  }

  /// What a tokenizer consists of.
  struct Steps: Sendable {
    var added: AddedTokens
    /// Special tokens that the files name and give no id.
    var nameless: [[UInt8]] = []
    var normalizer: Normalizer?
    var preTokenizer: PreTokenizer?
    var model: any TokenModel
    /// Cuts the text that answers a source, where that is cut otherwise.
    var answeringModel: (any TokenModel)?
    var postProcessor: PostProcessor
    var decoders: [Decoder]
    /// What ends a text, by its spelling.
    var endOfText: [UInt8]
    /// What texts would be cut or filled up.
    var lengths = TextLengths()
  }

  let steps: Steps
  /// How each id is decoded.
  private let fragments: [Int: DecodingFragment]

  init(_ steps: Steps) {
    self.steps = steps
    var fragments = steps.model.spellings.mapValues { DecodingFragment(bytes: $0) }
    for (id, token) in steps.added.byID {
      fragments[id] = DecodingFragment(bytes: steps.added.normalizedSpellings[id] ?? token.content)
    }
    self.fragments = fragments
    self.vocabularySize = (fragments.keys.max() ?? -1) + 1
  }

  /// One more than the greatest token id.
  public let vocabularySize: Int

  /// The tokens that are found by their spelling, such as `<|endoftext|>`, and their ids.
  public var specialTokens: [String: Int] {
    Dictionary(
      steps.added.byID.map { (String(decoding: $1.content, as: UTF8.self), $0) },
      uniquingKeysWith: { min($0, $1) })
  }

  /// The id of the token that ends a text: the files' `eos_token`, or else `<|endoftext|>`; nil where there is none.
  public var endOfText: Int? { steps.added.id(of: steps.endOfText) }

  /// The tokenizer of what answers a source: of the language that Marian translates into; elsewhere the same.
  public var ofAnswers: Tokenizer {
    guard let model = steps.answeringModel else { return self }
    var steps = steps
    steps.model = model
    return Tokenizer(steps)
  }

  /// The same tokenizer, with a model of its own for what answers a source.
  func answering(by model: any TokenModel) -> Tokenizer {
    var steps = steps
    steps.answeringModel = model
    return Tokenizer(steps)
  }

  /// The ids of `text`.
  ///
  /// - Parameter addsSpecialTokens: whether what the files put around every text is put around this one.
  /// - Throws: `BadInput` when a character of the text has no token (GPT-2's vocabulary has one for each byte), or when
  ///   the files say that a text of this length is cut or filled up, or name a special token in it that has no id.
  public func encode(
    _ text: String, specialTokens: SpecialTokens = .recognised, addsSpecialTokens: Bool = true
  ) throws(BadInput) -> [Int] {
    try encode(
      bytes: Array(text.utf8), specialTokens: specialTokens, addsSpecialTokens: addsSpecialTokens)
  }

  /// The ids of any bytes; with the vocabulary of a byte-level tokenizer ``bytes(of:)`` gives the same bytes back.
  ///
  /// Where the bytes are UTF-8, the ids are those of the text. A byte that belongs to no well-formed character is
  /// split as if it were a sign (neither letter, digit nor space), and no normalisation changes it.
  ///
  /// - Parameter addsSpecialTokens: whether what the files put around every text is put around this one.
  /// - Throws: `BadInput` as for a text.
  public func encode(
    bytes: [UInt8], specialTokens: SpecialTokens = .recognised, addsSpecialTokens: Bool = true
  ) throws(BadInput) -> [Int] {
    if specialTokens == .recognised, let name = steps.nameless.first(where: { bytes.contains($0) }) {
      throw BadInput(
        problem:
          "the text holds \(quoted(name)), which the tokenizer's settings name as a special token without an id",
        remedy: "give it an id in tokenizer.json, or leave it out of the text")
    }
    var encoder = WordEncoder(model: steps.model)
    for part in steps.added.plain.parts(of: bytes[...], special: specialTokens) {
      switch part {
      case .token(let id): encoder.append(id)
      case .text(let text):
        let startsText = text.startIndex == 0
        let normalized = try steps.normalizer?.applied(to: text) ?? text
        for part in steps.added.normalized.parts(of: normalized, special: specialTokens) {
          switch part {
          case .token(let id): encoder.append(id)
          case .text(let text):
            guard !text.isEmpty else { continue }
            let piece = Piece(
              bytes: text, startsText: startsText && text.startIndex == normalized.startIndex)
            for word in try steps.preTokenizer?.words(of: [piece]) ?? [piece] {
              try encoder.encode(word.bytes)
            }
          }
        }
      }
    }
    let ids = addsSpecialTokens ? steps.postProcessor.applied(to: encoder.ids) : encoder.ids
    try steps.lengths.check(ids.count)
    return ids
  }

  /// The bytes that the token `id` stands for inside a text; they need not be whole characters.
  ///
  /// - Throws: `BadInput` for an id outside the vocabulary.
  public func token(_ id: Int) throws(BadInput) -> [UInt8] {
    var run = DecodingRun(steps.decoders, replacesIllFormed: false, isInside: true)
    return run.feed(try fragment(id)) + run.finish()
  }

  /// The bytes that `ids` stand for, joined.
  ///
  /// - Throws: `BadInput` for an id outside the vocabulary.
  public func bytes(of ids: some Sequence<Int>) throws(BadInput) -> [UInt8] {
    try decoded(ids, replacesIllFormed: false)
  }

  /// The text that `ids` stand for.
  ///
  /// The bytes are joined before they are read as UTF-8, since a character may be spread over several tokens;
  /// what is still not UTF-8 becomes U+FFFD.
  ///
  /// - Parameter skippingSpecialTokens: whether tokens that control the model are left out before the rest is decoded.
  /// - Throws: `BadInput` for an id outside the vocabulary.
  public func decode(
    _ ids: some Sequence<Int>, skippingSpecialTokens: Bool = false
  ) throws(BadInput) -> String {
    // A special token is known by its content: one that is spelt otherwise in normalised text is shown.
    let isShown = { (id: Int) in
      !skippingSpecialTokens || fragments[id].map { !steps.added.isSpecial($0.bytes) } ?? true
    }
    return String(decoding: try decoded(ids.filter(isShown), replacesIllFormed: true), as: UTF8.self)
  }

  private func decoded(_ ids: some Sequence<Int>, replacesIllFormed: Bool) throws(BadInput) -> [UInt8] {
    var run = DecodingRun(steps.decoders, replacesIllFormed: replacesIllFormed)
    var bytes: [UInt8] = []
    for id in ids { bytes += run.feed(try fragment(id)) }
    return bytes + run.finish()
  }

  /// A token as the decoder takes it.
  func fragment(_ id: Int) throws(BadInput) -> DecodingFragment {
    guard let fragment = fragments[id] else {
      let isInside = (0..<vocabularySize).contains(id)
      throw BadInput(
        place: "token ids",
        problem: isInside
          ? "\(id) is the id of no token of this tokenizer"
          : "\(id) is outside the tokenizer's vocabulary 0…\(vocabularySize - 1)",
        remedy: "use ids of this tokenizer")
    }
    return fragment
  }
}

/// Encodes the words of one text, each different word once.
private struct WordEncoder {
  private(set) var ids: [Int] = []

  private let model: any TokenModel
  /// Where in ``ids`` the result for a word stands that has occurred before.
  private var seen: [ArraySlice<UInt8>: Range<Int>] = [:]

  init(model: any TokenModel) {
    self.model = model
  }

  /// Appends a token that is not made of words.
  mutating func append(_ id: Int) {
    ids.append(id)
  }

  /// Appends the ids of a word.
  mutating func encode(_ word: ArraySlice<UInt8>) throws(BadInput) {
    if let range = seen[word] {
      for index in range { ids.append(ids[index]) }
    } else {
      let start = ids.count
      ids += try model.ids(of: word)
      seen[word] = start..<ids.count
    }
  }
}
