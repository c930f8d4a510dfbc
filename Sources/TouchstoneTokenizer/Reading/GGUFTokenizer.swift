import Foundation
import TouchstoneGGUF
import TouchstoneModel

/// The tokenizer in the metadata of a GGUF file, as the files that a Hugging Face folder has in its place.
public struct GGUFTokenizer: Sendable {
  /// The text of `tokenizer.json`.
  public let document: Data
  /// The text of `tokenizer_config.json`: the tokens that begin and end a text.
  public let settings: Data

  /// Reads the keys `tokenizer.ggml.…`.
  ///
  /// - Throws: ``BadInput`` naming the key that is missing or malformed, or what it names that is not held.
  public init(_ file: GGUFFile) throws(BadInput) {
    do throws(BadInput) {
      let vocabulary = try GGUFVocabulary(file.metadata)
      document = Data(try vocabulary.document().utf8)
      settings = Data(vocabulary.settings().utf8)
    } catch {
      throw error.inFile(file.path)
    }
  }

  /// Whether a file holds a tokenizer, of whatever kind.
  public static func isIn(_ file: GGUFFile) -> Bool {
    let model = try? file.metadata.string("tokenizer.ggml.model")
    return model != nil && model != "none"
  }
}

extension Tokenizer {
  /// The tokenizer of a model: of its folder, or of a GGUF file.
  ///
  /// - Throws: `BadInput` as ``init(folder:)`` does, and where the kind of a GGUF file's tokenizer is not held.
  public init(at path: String) throws(BadInput) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue else {
      try self.init(folder: path)
      return
    }
    let files = try GGUFTokenizer(try GGUFFile(URL(filePath: path)))
    do throws(BadInput) {
      self = try TokenizerDocument(JSONValue.parse(files.document)).tokenizer(
        TokenizerSettings(JSONValue.parse(files.settings)))
    } catch {
      throw error.inFile(path)
    }
  }
}

/// What the metadata say of tokens.
struct GGUFVocabulary {
  /// The numbers of `tokenizer.ggml.token_type`.
  private enum Kind: Int {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  private let kinds: [Kind]
  private let tokens: [String]
  private let scores: [Double]
  private let merges: [String]
  private let beginning: Int?
  private let end: Int?
  private let unknown: Int?
  private let addsBeginning: Bool
  private let addsEnd: Bool
  private let addsSpace: Bool
  /// How text is split; nil for SentencePiece, which does not split.
  private let split: GGUFSplit?

  init(_ metadata: Metadata) throws(BadInput) {
    func refusal(_ key: String, _ problem: String) -> BadInput {
      BadInput(place: "tokenizer.ggml.\(key)", problem: problem, remedy: "give token ids instead of text")
    }
    let model = try metadata.string("tokenizer.ggml.model") ?? "none"
    guard ["gpt2", "llama"].contains(model) else {
      throw refusal("model", "\(model) is not supported (gpt2 and llama are)")
    }
    guard let tokens = try metadata.strings("tokenizer.ggml.tokens"), !tokens.isEmpty else {
      throw refusal("tokens", "is missing")
    }
    var texts: [String] = []
    texts.reserveCapacity(tokens.count)
    for (id, token) in tokens.enumerated() {
      guard let text = String(validating: token, as: UTF8.self), !text.isEmpty else {
        throw refusal("tokens", "the token \(id) is empty or not UTF-8")
      }
      texts.append(text)
    }
    self.tokens = texts
    let types = try metadata.integers("tokenizer.ggml.token_type") ?? Array(repeating: 1, count: tokens.count)
    kinds = types.map { Kind(rawValue: $0) ?? .normal }
    scores = try metadata.numbers("tokenizer.ggml.scores") ?? []
    merges = try (metadata.strings("tokenizer.ggml.merges") ?? []).map { String(decoding: $0, as: UTF8.self) }
    let isSentencePiece = model == "llama"
    if isSentencePiece {
      split = nil
    } else {
      let name = try metadata.string("tokenizer.ggml.pre") ?? "default"
      guard let known = GGUFSplit.named(name) else { throw refusal("pre", "\(name) is not supported") }
      split = known
    }
    guard kinds.count == tokens.count else {
      throw refusal("token_type", "has not as many entries as tokens")
    }
    guard !isSentencePiece || scores.count == tokens.count else {
      throw refusal("scores", "has not as many entries as tokens")
    }
    func id(_ key: String, else fallback: Int?) throws(BadInput) -> Int? {
      guard let id = try metadata.integer("tokenizer.ggml.\(key)") ?? fallback else { return nil }
      guard tokens.indices.contains(id) else {
        guard fallback == id else { throw refusal(key, "is \(id), the id of no token") }
        return nil
      }
      return id
    }
    beginning = try id("bos_token_id", else: isSentencePiece ? 1 : nil)
    end = try id("eos_token_id", else: isSentencePiece ? 2 : nil)
    unknown = try id("unknown_token_id", else: isSentencePiece ? 0 : nil)
    let beginsByItself = isSentencePiece || split?.addsBeginning == true
    addsBeginning = try metadata.bool("tokenizer.ggml.add_bos_token") ?? beginsByItself
    addsEnd = try metadata.bool("tokenizer.ggml.add_eos_token") ?? false
    addsSpace = try metadata.bool("tokenizer.ggml.add_space_prefix") ?? isSentencePiece
  }

  // MARK: tokenizer.json

  func document() throws(BadInput) -> String {
    let added = tokens.indices.filter { [.control, .userDefined].contains(kinds[$0]) }.map { id in
      """
      {"id": \(id), "content": \(JSONValue.quoted(tokens[id])), "single_word": false, "lstrip": false, \
      "rstrip": false, "normalized": false, "special": \(kinds[id] == .control)}
      """
    }
    let members = [
      ("version", #""1.0""#), ("truncation", "null"), ("padding", "null"),
      ("added_tokens", "[" + added.joined(separator: ", ") + "]"),
      ("normalizer", split?.normalizer ?? sentencePieceNormalizer),
      ("pre_tokenizer", split?.preTokenizer ?? "null"), ("post_processor", try postProcessor()),
      ("decoder", split == nil ? sentencePieceDecoder : GGUFSplit.byteLevel), ("model", try model()),
    ]
    return "{\n" + members.map { "  \"\($0.0)\": \($0.1)" }.joined(separator: ",\n") + "\n}\n"
  }

  private var sentencePieceNormalizer: String {
    let replace = #"{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}"#
    let prepend = #"{"type": "Prepend", "prepend": "▁"}"#
    return addsSpace ? #"{"type": "Sequence", "normalizers": [\#(prepend), \#(replace)]}"# : replace
  }

  private var sentencePieceDecoder: String {
    var steps = [
      #"{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}"#, #"{"type": "ByteFallback"}"#,
      #"{"type": "Fuse"}"#,
    ]
    if addsSpace { steps.append(#"{"type": "Strip", "content": " ", "start": 1, "stop": 0}"#) }
    return #"{"type": "Sequence", "decoders": [\#(steps.joined(separator: ", "))]}"#
  }

  private func postProcessor() throws(BadInput) -> String {
    let around = [(addsBeginning, beginning, "bos"), (addsEnd, end, "eos")]
    if let (_, _, name) = around.first(where: { $0.0 && $0.1 == nil }) {
      throw BadInput(
        place: "tokenizer.ggml.add_\(name)_token", problem: "is true, but \(name)_token_id is missing",
        remedy: "give token ids instead of text")
    }
    func part(_ isAdded: Bool, _ id: Int?) -> [String] {
      guard isAdded, let id else { return [] }
      return [#"{"SpecialToken": {"id": \#(JSONValue.quoted(tokens[id])), "type_id": 0}}"#]
    }
    func template(_ sequence: String) -> String {
      let text = #"{"Sequence": {"id": "\#(sequence)", "type_id": 0}}"#
      return (part(addsBeginning, beginning) + [text] + part(addsEnd, end)).joined(separator: ", ")
    }
    guard addsBeginning || addsEnd else { return "null" }
    let named = Set(around.filter(\.0).compactMap(\.1)).sorted().map { id in
      let name = JSONValue.quoted(tokens[id])
      return #"\#(name): {"id": \#(name), "ids": [\#(id)], "tokens": [\#(name)]}"#
    }
    return """
      {"type": "TemplateProcessing", "single": [\(template("A"))], "pair": [\(template("A")), \(template("B"))], \
      "special_tokens": {\(named.joined(separator: ", "))}}
      """
  }

  private func model() throws(BadInput) -> String {
    var ids: [[UInt8]: Int] = [:]
    var vocabulary: [String] = []
    // Converters fill gaps in the ids with names of their own.
    for (id, token) in tokens.enumerated() where !(kinds[id] == .unused && token == "[PAD\(id)]") {
      if let other = ids.updateValue(id, forKey: Array(token.utf8)) {
        throw BadInput(
          place: "tokenizer.ggml.tokens", problem: "the tokens \(other) and \(id) are spelt alike",
          remedy: "give token ids instead of text")
      }
      vocabulary.append("\(JSONValue.quoted(token)): \(id)")
    }
    let merges = split == nil ? sentencePieceMerges(ids) : try pairs()
    let list = merges.map { "[\(JSONValue.quoted($0.0)), \(JSONValue.quoted($0.1))]" }
    let unknown = split == nil ? unknown.map { JSONValue.quoted(tokens[$0]) } ?? "null" : "null"
    return """
      {"type": "BPE", "dropout": null, "unk_token": \(unknown), "continuing_subword_prefix": null, \
      "end_of_word_suffix": null, "fuse_unk": \(split == nil), "byte_fallback": \(split == nil), \
      "ignore_merges": \(split?.ignoresMerges ?? false), "vocab": {\(vocabulary.joined(separator: ", "))}, \
      "merges": [\(list.joined(separator: ", "))]}
      """
  }

  /// The listed merges: two tokens with a space between, which may itself begin the second.
  private func pairs() throws(BadInput) -> [(String, String)] {
    try merges.enumerated().map { index, text throws(BadInput) in
      guard let space = text.dropFirst().firstIndex(of: " ") else {
        throw BadInput(
          place: "tokenizer.ggml.merges",
          problem: "the merge \(index) is not two tokens with a space between",
          remedy: "give token ids instead of text")
      }
      return (String(text[..<space]), String(text[text.index(after: space)...]))
    }
  }

  /// SentencePiece merges whatever two neighbours make the token of the greatest score; the pairs in that order.
  private func sentencePieceMerges(_ ids: [[UInt8]: Int]) -> [(String, String)] {
    var found: [(score: Double, lengths: (Int, Int), ids: (Int, Int))] = []
    func isPiece(_ id: Int) -> Bool { kinds[id] == .normal || kinds[id] == .userDefined }
    for (id, token) in tokens.enumerated() where kinds[id] == .normal {
      let bytes = Array(token.utf8)
      let starts = token.unicodeScalars.indices.map { token.utf8.distance(from: token.startIndex, to: $0) }
      for (length, start) in starts.enumerated().dropFirst() {
        guard let left = ids[Array(bytes[..<start])], let right = ids[Array(bytes[start...])], isPiece(left),
          isPiece(right)
        else { continue }
        found.append((scores[id], (length, starts.count - length), (left, right)))
      }
    }
    // Where scores are equal the longer first counts, as in the conversion to tokenizer.json that Hugging Face does.
    let order = found.indices.sorted { a, b in
      let (one, other) = (found[a], found[b])
      if one.score != other.score { return one.score > other.score }
      if one.lengths != other.lengths { return one.lengths > other.lengths }
      return one.ids != other.ids ? one.ids < other.ids : a < b
    }
    return order.map { (tokens[found[$0].ids.0], tokens[found[$0].ids.1]) }
  }

  // MARK: tokenizer_config.json

  func settings() -> String {
    let named = [("bos_token", beginning), ("eos_token", end), ("unk_token", split == nil ? unknown : nil)]
    let members =
      named.compactMap { name, id in id.map { "  \"\(name)\": \(JSONValue.quoted(tokens[$0]))" } }
      + [#"  "tokenizer_class": "PreTrainedTokenizerFast""#]
    return "{\n" + members.joined(separator: ",\n") + "\n}\n"
  }
}
