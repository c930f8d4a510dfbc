import Foundation
import Testing
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneTokenizer

/// What `tokenizer.json` declares and what of it is refused.
@Suite struct TokenizerStepsTests {
  @Test(
    .clause("TOK-11"),
    arguments: [
      ("normalizer", #"{"type": "Precompiled"}"#, "normalizer: lacks the field precompiled_charsmap"),
      (
        "normalizer", #"{"type": "Sequence", "normalizers": [{"type": "Nmt"}]}"#,
        "normalizer.normalizers[0]: Nmt"
      ),
      (
        "normalizer", #"{"type": "Replace", "pattern": {"Regex": "(?<=a)b"}, "content": ""}"#,
        "this kind of group, (?, which is not"
      ),
      (
        "normalizer", #"{"type": "Replace", "pattern": {"Regex": "x*|y"}, "content": "_"}"#,
        "normalizer: replaces what is empty, which is not supported"
      ),
      ("normalizer", #"{"type": "Prepend", "prepend": ""}"#, "normalizer: puts an empty text in front"),
      ("truncation", #"{"max_length": -1}"#, "truncation.max_length: is not in 0…"),
      ("truncation", #"{}"#, "truncation: lacks the field max_length"),
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
      (
        "post_processor",
        #"{"type": "Sequence", "processors": [{"type": "BertProcessing", "sep": ["b", 1], "cls": ["a", 0]}, "#
          + #"{"type": "ByteLevel"}, {"type": "RobertaProcessing", "sep": ["b", 1], "cls": ["a", 0]}]}"#,
        "post_processor.processors[2]: adds tokens, and so does a step before it"
      ),
      ("model", #"{"type": "Unigram", "vocab": []}"#, "model: has no vocabulary"),
      (
        "model", #"{"type": "WordLevel", "vocab": {"a": 0}}"#,
        "model: WordLevel is not supported (BPE, WordPiece and Unigram are)"
      ),
      (
        "model", #"{"type": "WordPiece", "vocab": {"a": 0}}"#,
        "model: has the unknown token \"[UNK]\", which the vocabulary lacks"
      ),
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
    let message = try TokenizerFolders.refusal(
      ["tokenizer.json": TokenizerFolders.document([field: value])], copying: [])
    #expect(message.hasPrefix("FOLDER/tokenizer.json: "), "\(message)")
    #expect(message.contains(part) && message.contains("; ") && !message.contains("\n"), "\(message)")
  }

  /// A text that the library's file would cut is refused; any other has the same ids, and none is filled up.
  @Test(
    .clause("TOK-11"),
    arguments: [
      (#""truncation": {"max_length": 3, "strategy": "LongestFirst", "stride": 0}"#, 1...3),
      (#""padding": {"strategy": {"Fixed": 2}, "pad_to_multiple_of": null}"#, 1...9),
      (#""padding": {"strategy": {"Fixed": 128}, "pad_to_multiple_of": 4}"#, 1...9),
      (#""padding": {"strategy": "BatchLongest", "pad_to_multiple_of": 8}"#, 1...9),
    ])
  func aTextThatWouldBeCutIsRefusedAndNoneIsFilledUp(section: String, lengths: ClosedRange<Int>) throws {
    let parts = section.split(separator: ":", maxSplits: 1).map(String.init)
    let field = String(parts[0].dropFirst().dropLast())
    let model = #"{"type": "BPE", "vocab": {"a": 0}, "merges": []}"#
    try TokenizerFolders.withFolder(
      ["tokenizer.json": TokenizerFolders.document([field: parts[1], "model": model])], copying: []
    ) { folder in
      let tokenizer = try Tokenizer(folder: folder)
      for count in 1...9 {
        let text = String(repeating: "a", count: count)
        if lengths.contains(count) {
          #expect(try tokenizer.encode(text) == Array(repeating: 0, count: count))
        } else {
          let error = #expect(throws: BadInput.self) { try tokenizer.encode(text) }
          #expect(error?.place == field + " in tokenizer.json")
          #expect(error?.problem.hasSuffix("and this one has \(count)") == true)
          #expect(error?.remedy?.hasPrefix("set \(field) to null there") == true)
        }
      }
    }
  }

  /// A hole in the vocabulary makes the library give an added token the id of another.
  @Test(.clause("TOK-10")) func anAddedTokenMayNotTakeTheIDOfAnother() throws {
    let fields = [
      "model": #"{"type": "BPE", "vocab": {"a": 0, "b": 2}, "merges": []}"#,
      "added_tokens": #"[{"id": 2, "content": "<x>"}]"#,
    ]
    let message = try TokenizerFolders.refusal(
      ["tokenizer.json": TokenizerFolders.document(fields)], copying: [])
    #expect(
      message == #"FOLDER/tokenizer.json: added_tokens[0]: gives "<x>" the id 2, which is that of the "#
        + #"vocabulary's "b"; number the vocabulary without a gap"#)
  }

  /// Which of two alike the library finds differs from run to run; an empty one it finds everywhere.
  @Test(
    .clause("TOK-13"),
    arguments: [
      ("x", #""b" is looked for in normalised text, where it is spelt like "a""#),
      ("", #""a" is looked for in normalised text, where nothing is left of it"#),
    ])
  func addedTokensThatNormalisationMakesOneAreRefused(content: String, part: String) throws {
    let fields = [
      "normalizer":
        #"{"type": "Replace", "pattern": {"Regex": "[ab]"}, "content": "\#(content)"}"#,
      "model": #"{"type": "BPE", "vocab": {"c": 0}, "merges": []}"#,
      "added_tokens": #"[{"id": 1, "content": "a"}, {"id": 2, "content": "b"}]"#,
    ]
    let message = try TokenizerFolders.refusal(
      ["tokenizer.json": TokenizerFolders.document(fields)], copying: [])
    #expect(message.contains("added tokens: " + part), "\(message)")
  }

  /// Special tokens are left out by their content, before the rest is decoded.
  @Test(.clause("TOK-15")) func lettersOfAnAddedTokenAreBytesWhereTheDecoderReadsBytes() throws {
    let fields = [
      "model": #"{"type": "BPE", "vocab": {"a": 0, "Ã": 1, "©": 2}, "merges": []}"#,
      "decoder": #"{"type": "ByteLevel"}"#,
      "added_tokens": #"[{"id": 1, "content": "Ã"}, {"id": 3, "content": "Ġa", "special": true}, "#
        + #"{"id": 4, "content": "Ġ日"}]"#,
    ]
    try TokenizerFolders.withFolder(["tokenizer.json": TokenizerFolders.document(fields)], copying: []) {
      folder in
      let tokenizer = try Tokenizer(folder: folder)
      #expect(try tokenizer.decode([1, 2, 3, 4, 0]) == "é aĠ日a")
      #expect(try tokenizer.decode([1, 2, 3, 4, 0], skippingSpecialTokens: true) == "éĠ日a")
    }
  }

  /// é in one character and in two are two tokens, though they are one text to Swift.
  @Test(.clause("TOK-10")) func tokensThatAreEqualButForTheirSpellingAreApart() throws {
    let model =
      #"{"type": "BPE", "vocab": {"\u00e9": 0, "e": 1, "\u0301": 2, "e\u0301": 3}, "merges": [["e", "\u0301"]]}"#
    try TokenizerFolders.withFolder(
      ["tokenizer.json": TokenizerFolders.document(["model": model])], copying: []
    ) { folder in
      let tokenizer = try Tokenizer(folder: folder)
      #expect(try tokenizer.encode("\u{E9}e\u{301}") == [0, 3])
    }
  }

  @Test(.clause("TOK-9")) func anIdWithoutATokenIsRefused() throws {
    let model = #"{"type": "BPE", "vocab": {"a": 0, "b": 2}, "merges": []}"#
    try TokenizerFolders.withFolder(
      ["tokenizer.json": TokenizerFolders.document(["model": model])], copying: []
    ) { folder in
      let tokenizer = try Tokenizer(folder: folder)
      #expect(tokenizer.vocabularySize == 3)
      let error = #expect(throws: BadInput.self) { try tokenizer.decode([1]) }
      #expect(error?.problem == "1 is the id of no token of this tokenizer")
    }
  }
}
