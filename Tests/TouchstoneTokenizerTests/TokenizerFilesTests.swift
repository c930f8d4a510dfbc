import Foundation
import Testing
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneTokenizer

/// The files of a tokenizer as they are found: together, apart, older and newer, damaged and not supported.
@Suite struct TokenizerFilesTests {
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
    try TokenizerFolders.withFolder([name: "\u{FEFF}" + plain]) { folder in
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
      try TokenizerFolders.refusal([name: pointer])
        == "FOLDER/\(name): is a Git LFS pointer, not the file itself; "
        + "fetch the file: git lfs pull in the repository that it comes from")
    try TokenizerFolders.withFolder([:]) { folder in
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
    try TokenizerFolders.withFolder(["tokenizer_config.json": settings]) { folder in
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
    let message = try TokenizerFolders.refusal(["tokenizer_config.json": settings])
    #expect(message.contains(part), "\(message)")
  }

  @Test(.clause("TOK-6")) func tokensOfTheOlderListsAreFound() throws {
    let files = [
      "special_tokens_map.json":
        #"{"pad_token": "<pad>", "eos_token": {"content": "<end>", "lstrip": true}}"#,
      "added_tokens.json": #"{"<pad>": 512, "<end>": 513, "wort": 514}"#,
    ]
    try TokenizerFolders.withFolder(files) { folder in
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
    try TokenizerFolders.withFolder(["tokenizer_config.json": settings]) { folder in
      let tokenizer = try Tokenizer(folder: folder)
      let (a, b) = (try tokenizer.encode("a"), try tokenizer.encode("b"))
      #expect(try tokenizer.encode("a \t<l>b") == a + [512] + b)
      #expect(try tokenizer.encode("a<r> \u{3000}\nb") == a + [513] + b)
      #expect(try tokenizer.encode("zqx!").first == 514)
      #expect(try tokenizer.encode("ozqx, zqxt, zqx_").contains(514) == false)
    }
  }

  @Test(.clause("TOK-14")) func settingsThatContradictTheOneFileAreNamed() throws {
    let metaspace = #"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}"#
    let files = [
      "tokenizer.json": try TokenizerFolders.document(["pre_tokenizer": metaspace]),
      "tokenizer_config.json": #"{"add_prefix_space": false}"#,
    ]
    let message = try TokenizerFolders.refusal(files, copying: [])
    #expect(
      message == "FOLDER/tokenizer_config.json: add_prefix_space: is false, but tokenizer.json says true; "
        + "keep the one that is right")
  }

  /// transformers 4 follows the settings in some classes, 5 the file.
  @Test(
    .clause("TOK-14"),
    arguments: [
      (
        #""add_bos_token": true"#, "<e>",
        "add_bos_token: is true, but tokenizer.json puts nothing before a text"
      ),
      (#""add_eos_token": true"#, "<e>", nil), (#""add_eos_token": null"#, "<e>", nil),
      (#""add_bos_token": false"#, "<e>", nil),
      (
        #""add_eos_token": false"#, "<e>",
        "add_eos_token: is false, but tokenizer.json puts the ids [1] behind a text"
      ),
      (
        #""add_eos_token": true"#, "a",
        "add_eos_token: is true, but tokenizer.json puts the ids [1] behind a text"
      ),
      (#""add_eos_token": true"#, "b", "add_eos_token: is true, but no eos_token of the vocabulary is given"),
    ])
  func whatIsPutAroundMayNotContradictTheOneFile(settings: String, end: String, part: String?) throws {
    let files = [
      "tokenizer.json": try TokenizerFolders.document([
        "model": #"{"type": "BPE", "vocab": {"a": 0}, "merges": []}"#,
        "added_tokens": #"[{"id": 1, "content": "<e>", "special": true}]"#,
        "post_processor": #"{"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}, "#
          + #"{"SpecialToken": {"id": "<e>"}}], "special_tokens": {"<e>": {"ids": [1]}}}"#,
      ]),
      "tokenizer_config.json": #"{"bos_token": "<e>", "eos_token": "\#(end)", \#(settings)}"#,
    ]
    if let part {
      let message = try TokenizerFolders.refusal(files, copying: [])
      #expect(message.hasPrefix("FOLDER/tokenizer_config.json: " + part), "\(message)")
    } else {
      try TokenizerFolders.withFolder(files, copying: []) { folder in
        let ids = try Tokenizer(folder: folder).encode("a")
        #expect(ids == [0, 1])
      }
    }
  }

  @Test(.clause("TOK-14"), arguments: [("PreTrainedTokenizerFast", true), ("GPT2Tokenizer", false)])
  func aPrefixSpaceIsASettingOfClassesOfTheirOwn(name: String, isRefused: Bool) throws {
    let files = [
      "tokenizer.json": try TokenizerFolders.document([
        "pre_tokenizer": #"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true}"#,
        "model": #"{"type": "BPE", "vocab": {"a": 0, "Ġ": 1}, "merges": []}"#,
      ]),
      "tokenizer_config.json": #"{"add_prefix_space": true, "tokenizer_class": "\#(name)"}"#,
    ]
    if isRefused {
      let message = try TokenizerFolders.refusal(files, copying: [])
      #expect(message.contains("add_prefix_space: is true, but tokenizer.json says false"))
    } else {
      try TokenizerFolders.withFolder(files, copying: []) { folder in
        let ids = try Tokenizer(folder: folder).encode("a")
        #expect(ids == [1, 0])
      }
    }
  }

  /// The library would give such a token an id beyond the model's.
  @Test(.clause("TOK-14")) func aTextWithASpecialTokenThatHasNoIDIsRefused() throws {
    let settings = #"{"pad_token": "<pad>", "additional_special_tokens": ["<a>"]}"#
    try TokenizerFolders.withFolder(["tokenizer_config.json": settings]) { folder in
      let tokenizer = try Tokenizer(folder: folder)
      #expect(try tokenizer.encode("my") == [76, 88])
      for name in ["<pad>", "<a>"] {
        let error = #expect(throws: BadInput.self) { try tokenizer.encode("my " + name) }
        #expect(error?.problem.contains("the text holds \"\(name)\", which") == true)
        let ids = try tokenizer.encode(name, specialTokens: .asText)
        #expect(try tokenizer.decode(ids) == name)
      }
    }
  }

  @Test(arguments: ["sentencepiece.bpe.model", "tekken.json", "vocab.txt"])
  func filesOfAnotherFormatAreNamedWithTheWayToConvertThem(name: String) throws {
    let message = try TokenizerFolders.refusal([name: ""], copying: [])
    #expect(message.contains("only \(name), which is not read"))
    #expect(message.contains("save_pretrained"))
  }
}
