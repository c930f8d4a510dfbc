import Foundation
import Testing
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneTokenizer

/// The files of a tokenizer as they are found: together, apart, older and newer, damaged and not supported.
@Suite struct TokenizerFilesTests {
  /// Writes files over those of the small model, or alone, and gives the folder to `body`.
  @discardableResult
  private func withFolder<T>(
    _ files: [String: String], copying names: [String] = ["vocab.json", "merges.txt"],
    _ body: (String) throws -> T
  ) throws -> T {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for name in names {
      try FileManager.default.copyItem(
        at: TestData.shakespeare.appendingPathComponent(name), to: folder.appendingPathComponent(name))
    }
    for (name, text) in files { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
    return try body(folder.path)
  }

  private func refusal(
    _ files: [String: String], copying names: [String] = ["vocab.json", "merges.txt"]
  ) throws -> String {
    try withFolder(files, copying: names) { folder in
      let error = #expect(throws: BadInput.self) { try Tokenizer(folder: folder) }
      #expect(error?.remedy != nil)
      return error?.description.replacingOccurrences(of: folder, with: "FOLDER") ?? ""
    }
  }

  // MARK: As users meet them

  /// The ids are those of transformers 5.24.
  @Test(
    .clause("TOK-11", "TOK-14"),
    arguments: [
      (
        "tokenizer-json-only", "ROMEO:\nBut, soft! what light",
        [49, 46, 44, 36, 46, 25, 198, 449, 11, 365, 69, 83, 0, 435, 357, 350]
      ),
      ("added-token-in-tokenizer-config", "<|endoftext|>ROMEO", [511, 49, 46, 44, 36, 46]),
      ("add-prefix-space", "my lord", [307, 436]),
      ("add-bos-token", "my lord", [511, 76, 88, 436]),
      (
        "words-without-merges", "my <unused3> lord",
        [76, 88, 220, 27, 84, 77, 84, 305, 67, 18, 29, 436]
      ),
    ])
  func theIdsAreTheModels(report: String, text: String, ids: [Int]) throws {
    let folder = TestData.fixtures.appendingPathComponent("reports").appendingPathComponent(report)
    #expect(try Tokenizer(folder: folder.path).encode(text) == ids)
  }

  @Test(arguments: ["vocab.json", "merges.txt"])
  func aByteOrderMarkIsSkipped(name: String) throws {
    let plain = try String(contentsOf: TestData.shakespeare.appendingPathComponent(name), encoding: .utf8)
    try withFolder([name: "\u{FEFF}" + plain]) { folder in
      let ids = try Tokenizer(folder: folder).encode("my lord")
      #expect(ids == [76, 88, 436])
    }
  }

  @Test(arguments: [
    "tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "added_tokens.json",
  ])
  func anotherEncodingAndAPointerAreNamed(name: String) throws {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    #expect(
      try refusal([name: pointer])
        == "FOLDER/\(name): is a Git LFS pointer, not the file itself; "
        + "fetch the file: git lfs pull in the repository that it comes from")
    try withFolder([:]) { folder in
      try Data([0xFF, 0xFE, 0x7B, 0x00]).write(to: URL(fileURLWithPath: folder + "/" + name))
      let error = #expect(throws: BadInput.self) { try Tokenizer(folder: folder) }
      #expect(error?.problem == "begins with the byte order mark of UTF-16")
      #expect(error?.file == folder + "/" + name)
    }
  }

  // MARK: Settings

  @Test(
    .clause("TOK-14"),
    arguments: [
      (#"{"add_eos_token": true, "eos_token": "<|endoftext|>"}"#, [76, 88, 511]),
      (#"{"add_bos_token": true, "add_eos_token": true}"#, [511, 76, 88, 511]),
      (#"{"add_bos_token": false}"#, [76, 88]), (#"{"add_bos_token": null}"#, [76, 88]),
      (
        #"{"add_bos_token": true, "bos_token": {"__type": "AddedToken", "content": "<|endoftext|>"}}"#,
        [511, 76, 88]
      ),
      (#"{"add_prefix_space": null}"#, [76, 88]), (#"{"add_prefix_space": true}"#, [307]),
      (
        #"{"tokenizer_class": "GPT2TokenizerFast", "model_max_length": 1000000000000000019884624838656}"#,
        [76, 88]
      ),
    ])
  func settingsAreHonoured(settings: String, ids: [Int]) throws {
    try withFolder(["tokenizer_config.json": settings]) { folder in
      let encoded = try Tokenizer(folder: folder).encode("my")
      #expect(encoded == ids)
    }
  }

  @Test(
    .clause("TOK-14"),
    arguments: [
      (
        #"{"add_bos_token": true, "bos_token": "<s>"}"#,
        "add_bos_token: is true, but no bos_token of the vocabulary"
      ),
      (#"{"add_bos_token": 1}"#, "add_bos_token: is not true or false"),
      (#"{"split_special_tokens": true}"#, "split_special_tokens: is true, which is not supported"),
      (
        #"{"added_tokens_decoder": {"600": {"content": "<pad>"}}}"#,
        "has the id 600, but 513 tokens have the ids 0…512 without a gap"
      ),
      (
        #"{"added_tokens_decoder": {"x": {"content": "<pad>"}}}"#,
        #"added_tokens_decoder: names "x", which is no id"#
      ),
      (
        #"{"tokenizer_class": "CLIPTokenizer"}"#,
        #"is for the tokenizer "CLIPTokenizer", which is read from tokenizer.json alone"#
      ),
      ("[]", "tokenizer_config.json: holds no JSON object"),
    ])
  func settingsThatCannotBeHonouredAreNamed(settings: String, part: String) throws {
    let message = try refusal(["tokenizer_config.json": settings])
    #expect(message.contains(part), "\(message)")
  }

  @Test(.clause("TOK-6")) func tokensOfTheOlderListsAreFound() throws {
    let files = [
      "special_tokens_map.json":
        #"{"pad_token": "<pad>", "eos_token": {"content": "<end>", "lstrip": true}}"#,
      "added_tokens.json": #"{"<pad>": 512, "<end>": 513, "wort": 514}"#,
    ]
    try withFolder(files) { folder in
      let tokenizer = try Tokenizer(folder: folder)
      #expect(tokenizer.specialTokens == ["<|endoftext|>": 511, "<pad>": 512, "<end>": 513, "wort": 514])
      #expect(tokenizer.endOfText == 513)
      #expect(try tokenizer.encode("my<pad>wort") == [76, 88, 512, 514])
      // A word that was added is no control token.
      #expect(try tokenizer.encode("wort<pad>", specialTokens: .asText).filter { $0 > 511 } == [514])
    }
  }

  /// The text after a token that is declared for both sides, and a word that stands by itself alone.
  @Test(.clause("TOK-13")) func propertiesOfAddedTokensAreHonoured() throws {
    let settings = #"""
      {"added_tokens_decoder": {
        "512": {"content": "<l>", "lstrip": true}, "513": {"content": "<r>", "rstrip": true},
        "514": {"content": "zqx", "single_word": true}}}
      """#
    try withFolder(["tokenizer_config.json": settings]) { folder in
      let tokenizer = try Tokenizer(folder: folder)
      let (a, b) = (try tokenizer.encode("a"), try tokenizer.encode("b"))
      #expect(try tokenizer.encode("a \t<l>b") == a + [512] + b)
      #expect(try tokenizer.encode("a<r> \u{3000}\nb") == a + [513] + b)
      #expect(try tokenizer.encode("zqx!").first == 514)
      #expect(try tokenizer.encode("ozqx, zqxt, zqx_").contains(514) == false)
    }
  }

  // MARK: Steps that are not read

  private func document(_ replacing: [String: String]) throws -> String {
    var text = try String(
      contentsOf: TestData.fixtures.appendingPathComponent("reports/tokenizer-json-only/tokenizer.json"),
      encoding: .utf8)
    let value = try JSONValue.parse(Data(text.utf8))
    let members = try #require(value.object)
    // Written anew, as the places of the original differ.
    let model = try String(text[#require(text.range(of: "\"model\"")).lowerBound...].dropLast())
    text =
      "{"
      + members.keys.filter { !["model", "added_tokens"].contains($0) && replacing[$0] == nil }
      .map { "\"\($0)\": null" }.filter { !$0.contains("version") }.joined(separator: ",") + ","
    text += replacing.filter { $0.key != "model" }.map { "\"\($0)\": \($1)," }.joined()
    return text + (replacing["model"].map { "\"model\": \($0)}" } ?? model + "}")
  }

  @Test(
    .clause("TOK-11"),
    arguments: [
      ("normalizer", #"{"type": "Precompiled"}"#, "normalizer: Precompiled is not supported"),
      (
        "normalizer", #"{"type": "Sequence", "normalizers": [{"type": "Nmt"}]}"#,
        "normalizer.normalizers[0]: Nmt"
      ),
      (
        "normalizer", #"{"type": "Replace", "pattern": {"Regex": "(?<=a)b"}, "content": ""}"#,
        "this kind of group, (?, which is not"
      ),
      ("pre_tokenizer", #"{"type": "UnicodeScripts"}"#, "pre_tokenizer: UnicodeScripts is not supported"),
      (
        "pre_tokenizer", #"{"type": "Split", "pattern": {"String": "a"}, "behavior": "Odd"}"#,
        "behavior: Odd is not"
      ),
      ("pre_tokenizer", #"{"pattern": 1}"#, "pre_tokenizer: lacks the field type"),
      (
        "pre_tokenizer", #"{"type": "Metaspace", "replacement": "__"}"#, "replacement: is not one character"
      ),
      ("decoder", #"{"type": "CTC"}"#, "decoder: CTC is not supported"),
      (
        "decoder", #"{"type": "Strip", "content": " ", "start": -1, "stop": 0}"#,
        "decoder: start or stop is negative"
      ),
      ("post_processor", #"{"type": "Other"}"#, "post_processor: Other is not supported"),
      (
        "post_processor",
        #"{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}], "special_tokens": {}}"#,
        #"special_tokens: lacks "<s>""#
      ),
      ("model", #"{"type": "Unigram", "vocab": []}"#, "model: Unigram is not supported (BPE is)"),
      ("model", #"{"type": "WordPiece", "vocab": {}}"#, "model: WordPiece is not supported (BPE is)"),
      ("model", #"{"vocab": {}}"#, "model: without a type is not supported"),
      ("model", #"{"type": "BPE", "vocab": {}, "merges": []}"#, "model.vocab: holds no token"),
      (
        "model", #"{"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []}"#,
        #"gives "a" and "b" the same id, 0"#
      ),
      ("model", #"{"type": "BPE", "vocab": {"a": -1}, "merges": []}"#, #"gives "a" no id in 0…"#),
      ("model", #"{"type": "BPE", "vocab": {"a": 99999999}, "merges": []}"#, #"gives "a" no id in 0…"#),
      ("model", #"{"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}"#, #"merges[0]: names "b", which"#),
      ("model", #"{"type": "BPE", "vocab": {"a": 0}, "merges": [["a"]]}"#, "merges[0]: is not two tokens"),
      ("model", #"{"type": "BPE", "vocab": {"a": 0}, "merges": ["a a"]}"#, #"merges[0]: names "aa", which"#),
      (
        "model", #"{"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.1}"#,
        "model.dropout: leaves merges out"
      ),
      (
        "model", #"{"type": "BPE", "vocab": {"a": 0}, "merges": [], "unk_token": "?"}"#,
        #"unk_token: is "?", which"#
      ),
      ("version", #""2.0""#, #"version: is "2.0", which is not supported"#),
      (
        "added_tokens", #"[{"id": 3, "content": "x"}]"#,
        #"added_tokens[0]: gives "x" the id 3 where 87 is due"#
      ),
      ("added_tokens", #"[{"id": 513, "content": "<a>"}]"#, #"gives "<a>" the id 513 where 512 is due"#),
      ("added_tokens", #"[{"id": 512, "content": ""}]"#, "added_tokens[0]: is a token without content"),
    ])
  func whatIsNotSupportedIsRefusedByName(field: String, value: String, part: String) throws {
    let message = try refusal(["tokenizer.json": document([field: value])], copying: [])
    #expect(message.hasPrefix("FOLDER/tokenizer.json: "), "\(message)")
    #expect(message.contains(part) && message.contains("; ") && !message.contains("\n"), "\(message)")
  }

  @Test(.clause("TOK-14")) func settingsThatContradictTheOneFileAreNamed() throws {
    let metaspace = #"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}"#
    let files = [
      "tokenizer.json": try document(["pre_tokenizer": metaspace]),
      "tokenizer_config.json": #"{"add_prefix_space": false}"#,
    ]
    let message = try refusal(files, copying: [])
    #expect(
      message == "FOLDER/tokenizer_config.json: add_prefix_space: is false, but tokenizer.json says true; "
        + "keep the one that is right")
  }

  /// é in one character and in two are two tokens, though they are one text to Swift.
  @Test(.clause("TOK-10")) func tokensThatAreEqualButForTheirSpellingAreApart() throws {
    let model =
      #"{"type": "BPE", "vocab": {"\u00e9": 0, "e": 1, "\u0301": 2, "e\u0301": 3}, "merges": [["e", "\u0301"]]}"#
    try withFolder(["tokenizer.json": document(["model": model])], copying: []) { folder in
      let tokenizer = try Tokenizer(folder: folder)
      #expect(try tokenizer.encode("\u{E9}e\u{301}") == [0, 3])
    }
  }

  @Test(arguments: ["tokenizer.model", "tekken.json", "vocab.txt"])
  func filesOfAnotherFormatAreNamedWithTheWayToConvertThem(name: String) throws {
    let message = try refusal([name: ""], copying: [])
    #expect(message.contains("only \(name), which is not read"))
    #expect(message.contains("save_pretrained"))
  }

  @Test(.clause("TOK-9")) func anIdWithoutATokenIsRefused() throws {
    let model = #"{"type": "BPE", "vocab": {"a": 0, "b": 2}, "merges": []}"#
    try withFolder(["tokenizer.json": document(["model": model])], copying: []) { folder in
      let tokenizer = try Tokenizer(folder: folder)
      #expect(tokenizer.vocabularySize == 3)
      let error = #expect(throws: BadInput.self) { try tokenizer.decode([1]) }
      #expect(error?.problem == "1 is the id of no token of this tokenizer")
    }
  }
}
