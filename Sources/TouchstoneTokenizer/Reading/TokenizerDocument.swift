import Foundation
import TouchstoneModel

/// A tokenizer as `tokenizer.json` declares it, before the settings beside it are applied.
struct TokenizerDocument {
  var normalizer: Normalizer?
  var preTokenizer: PreTokenizer?
  var model: any TokenModel
  /// What `tokenizer.json` puts around a text; nil where the model is a vocabulary file and a merge list.
  var postProcessor: PostProcessor?
  var decoders: [Decoder]
  var added: AddedTokenList
  var lengths = TextLengths()

  /// Reads `tokenizer.json` (Hugging Face tokenizers, version 1.0).
  ///
  /// - Throws: ``BadInput`` naming the step or the field that is malformed or not supported.
  init(_ value: JSONValue) throws(BadInput) {
    let json = Component(value: value, place: "")
    guard value.members != nil else { throw json.refusal("holds no JSON object") }
    let version = try json.string("version", else: "1.0")
    guard version == "1.0" else {
      throw BadInput(
        place: "version", problem: "is \(quoted(version.utf8)), which is not supported", remedy: "1.0 is")
    }
    normalizer = try json.member("normalizer").map { json throws(BadInput) in try Normalizer(json) }
    preTokenizer = try json.member("pre_tokenizer").map { json throws(BadInput) in try PreTokenizer(json) }
    let processor = json.member("post_processor")
    postProcessor = try processor.map { json throws(BadInput) in try PostProcessor(json) } ?? PostProcessor()
    decoders =
      try json.member("decoder").map { json throws(BadInput) in try Decoder.steps(json) } ?? [.separate]
    model = try Self.model(json.needed("model"), spellsBytes: preTokenizer?.spellsBytes ?? false)
    lengths = try TextLengths(truncation: json.member("truncation"))
    added = AddedTokenList(model)
    if let tokens = json.member("added_tokens") {
      for token in try tokens.elements {
        try added.add(AddedToken(token), id: token.needed("id").integer, place: token.place)
      }
    }
  }

  /// A tokenizer of files that declare no steps: what reads them knows the steps.
  init(
    normalizer: Normalizer?, preTokenizer: PreTokenizer?, model: any TokenModel,
    postProcessor: PostProcessor? = nil, decoders: [Decoder]
  ) {
    self.normalizer = normalizer
    self.preTokenizer = preTokenizer
    self.model = model
    self.postProcessor = postProcessor
    self.decoders = decoders
    added = AddedTokenList(model)
  }

  private static func model(_ json: Component, spellsBytes: Bool) throws(BadInput) -> any TokenModel {
    let type = try json.string("type", else: json.member("merges") == nil ? "without a type" : "BPE")
    switch type {
    case "BPE": return try BytePairModel(json, spellsBytes: spellsBytes)
    case "WordPiece": return try WordPieceModel(json)
    case "Unigram": return try UnigramModel(json)
    default:
      throw json.refusal(
        "\(type) is not supported (BPE, WordPiece and Unigram are)", remedy: "give token ids instead of text")
    }
  }
}

/// The added tokens of a tokenizer while its files are read, with the ids that the library gives them.
struct AddedTokenList {
  private let model: any TokenModel
  private(set) var tokens: [(id: Int, token: AddedToken)] = []
  private var ids: [[UInt8]: Int] = [:]
  private var nextID: Int

  init(_ model: any TokenModel) {
    self.model = model
    nextID = model.spellings.count
  }

  /// The id of a token, added or of the model.
  func id(of content: [UInt8]) -> Int? { ids[content] ?? model.id(of: content) }

  /// Adds a token, or gives one that is there other properties.
  ///
  /// - Throws: ``BadInput`` when the id is not the one that Hugging Face's tokenizers would give it: that of the
  ///   vocabulary, or else the next.
  mutating func add(_ token: AddedToken, id declared: Int, place: String) throws(BadInput) {
    guard !token.content.isEmpty else {
      throw BadInput(place: place, problem: "is a token without content", remedy: "remove it")
    }
    let due = id(of: token.content) ?? nextID
    guard due == declared else {
      throw BadInput(
        place: place,
        problem: "gives \(quoted(token.content)) the id \(declared) where \(due) is due",
        remedy: "correct the id")
    }
    if id(of: token.content) == nil {
      if let other = model.spellings[due] {
        throw BadInput(
          place: place,
          problem: "gives \(quoted(token.content)) the id \(due), which is that of the vocabulary's "
            + quoted(other),
          remedy: "number the vocabulary without a gap")
      }
      nextID += 1
    }
    ids[token.content] = due
    tokens.removeAll { $0.id == due }
    tokens.append((due, token))
  }
}

extension AddedToken {
  /// A token with its properties, as both JSON files write it.
  init(_ json: Component) throws(BadInput) {
    self.init(try json.string("content"), isSpecial: try json.bool("special", else: false))
    isSingleWord = try json.bool("single_word", else: false)
    stripsLeft = try json.bool("lstrip", else: false)
    stripsRight = try json.bool("rstrip", else: false)
    isNormalized = try json.bool("normalized", else: !isSpecial)
  }
}
