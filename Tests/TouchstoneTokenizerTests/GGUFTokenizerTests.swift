import Foundation
import Testing
import TouchstoneGGUF
import TouchstoneModel
import TouchstoneTestSupport
import TouchstoneTokenizer

/// Tokenizers in the metadata of GGUF files, written as llama.cpp's converter writes those of the small kinds.
@Suite struct GGUFTokenizerTests {
  private static let splits = [
    "gpt2": "gpt-2", "phi2": "phi-2", "neox": "olmo", "llama3": "llama-bpe", "qwen2": "qwen2",
    "starcoder2": "starcoder", "falcon": "falcon", "bloom": "bloom",
  ]
  private static let sentencePieces = ["llama2", "gemma"]

  private func read(_ file: RawGGUF) throws -> Tokenizer {
    let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).gguf")
    defer { try? FileManager.default.removeItem(at: path) }
    try file.data.write(to: path)
    return try Tokenizer(at: path.path)
  }

  @Test(.clause("FIL-27"), arguments: splits.keys.sorted() + sentencePieces)
  func aConvertedTokenizerGivesTheIdsOfItsFolder(name: String) throws {
    let original = try TokenizerKind.tokenizer(name)
    let converted = try read(Self.converted(name))
    let texts = try TokenizerKind.texts(of: name)
    for text in stride(from: 0, to: texts.count, by: 4).map({ texts[$0] }) {
      let ids = try original.encode(text)
      #expect(try converted.encode(text) == ids, "\(name): \(text.debugDescription)")
      #expect(try converted.decode(ids) == original.decode(ids), "\(name): \(text.debugDescription)")
    }
  }

  @Test(
    .clause("FIL-27"),
    arguments: [
      ("tokenizer.ggml.model", "t5", "tokenizer.ggml.model: t5 is not supported"),
      ("tokenizer.ggml.pre", "chatglm-bpe", "tokenizer.ggml.pre: chatglm-bpe is not supported"),
    ])
  func whatIsNotHeldIsRefusedByName(key: String, value: String, problem: String) throws {
    var file = try Self.converted("gpt2")
    file.set(key, RawGGUF.string(value))
    let error = #expect(throws: BadInput.self) { try read(file) }
    #expect(error?.description.contains(problem) == true)
    #expect(error?.remedy == "give token ids instead of text")
  }

  @Test(.clause("FIL-27")) func listsThatDoNotFitTogetherAreRefused() throws {
    for (key, value) in [
      ("tokenizer.ggml.tokens", RawGGUF.array([RawGGUF.string("a")])),
      ("tokenizer.ggml.scores", RawGGUF.array([RawGGUF.number(1)])),
      ("tokenizer.ggml.bos_token_id", RawGGUF.integer(1 << 20)),
    ] {
      var file = try Self.converted("llama2")
      file.set(key, value)
      #expect(throws: BadInput.self) { try read(file) }
    }
  }

  /// The metadata that `tokenizer.json` of a kind becomes.
  private static func converted(_ name: String) throws -> RawGGUF {
    let data = try Data(contentsOf: TokenizerKind.folder(name).appending(path: "tokenizer.json"))
    let json = try #require(JSONValue.parse(data).object)
    let model = try #require(json["model"]?.object)
    var tokens: [Int: (text: String, type: Int)] = [:]
    for member in try #require(model["vocab"]?.members) {
      let isByte = member.name.wholeMatch(of: /<0x[0-9A-F]{2}>/) != nil
      let isUnknown = member.name == model["unk_token"]?.string
      tokens[member.value.integer ?? 0] = (member.name, isByte ? 6 : isUnknown ? 2 : 1)
    }
    var end: Int?
    for token in json["added_tokens"]?.array ?? [] {
      guard let token = token.object, let id = token["id"]?.integer, let text = token["content"]?.string
      else { continue }
      if tokens[id]?.type == 2 { continue }
      tokens[id] = (text, token["special"] == .bool(true) ? 3 : 4)
      if text == "</s>" || text == "<eos>" { end = id }
    }
    let count = (tokens.keys.max() ?? 0) + 1
    let all = (0..<count).map { tokens[$0] ?? ("[PAD\($0)]", 5) }
    let merges = (model["merges"]?.array ?? []).map { merge in
      merge.string ?? (merge.array ?? []).compactMap(\.string).joined(separator: " ")
    }
    var file = RawGGUF()
    func set(_ key: String, _ value: RawGGUF.Value) { file.set("tokenizer.ggml.\(key)", value) }
    let beginning = try TokenizerKind.tokenizer(name).encode("")
    set("model", RawGGUF.string(splits[name] == nil ? "llama" : "gpt2"))
    set("pre", RawGGUF.string(splits[name] ?? "default"))
    set("tokens", RawGGUF.array(all.map { RawGGUF.string($0.text) }))
    set("token_type", RawGGUF.array(all.map { RawGGUF.integer($0.type) }))
    set("add_bos_token", RawGGUF.bool(!beginning.isEmpty))
    if let first = beginning.first { set("bos_token_id", RawGGUF.integer(first)) }
    if let end { set("eos_token_id", RawGGUF.integer(end)) }
    if splits[name] == nil {
      // SentencePiece numbers its pieces in the order of their scores.
      set("scores", RawGGUF.array(all.indices.map { RawGGUF.number(-Float($0)) }))
      set("unknown_token_id", RawGGUF.integer(all.firstIndex { $0.type == 2 } ?? 0))
      set("add_space_prefix", RawGGUF.bool(name != "gemma"))
    } else {
      set("merges", RawGGUF.array(merges.map(RawGGUF.string)))
    }
    return file
  }
}
