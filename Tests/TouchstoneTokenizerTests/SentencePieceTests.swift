import Foundation
import Testing
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneTokenizer

/// Folders whose tokenizer is a SentencePiece model file; the ids are those of transformers 5.24.
@Suite struct SentencePieceTests {
  private func bytePairs(_ change: (inout SmallSentencePiece) -> Void = { _ in }) -> [UInt8] {
    var small = SmallSentencePiece()
    small.trainer = WireMessage().number(3, 2)
    // The greater score has the greater id.
    small.pieces[7].1 = -0.5
    small.pieces += (0...255).map { (ByteFallback.spelling(of: $0), 0, .byte) }
    change(&small)
    return small.bytes
  }

  private func refusal(_ models: [String: [UInt8]], _ texts: [String: String] = [:]) throws -> String {
    try SmallSentencePiece.withFolder(models, texts) { (folder) throws in
      let error = #expect(throws: BadInput.self) { try Tokenizer(folder: folder) }
      #expect(error?.remedy != nil)
      return error?.description.replacingOccurrences(of: folder, with: "FOLDER") ?? ""
    }
  }

  // MARK: Classes

  @Test(
    .clause("TOK-22"),
    arguments: [
      // Llama's class merges by the order of ids, any other by scores.
      (#"{"tokenizer_class": "LlamaTokenizer"}"#, "llama", [3, 6, 2, 6]),
      (#"{"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": true}"#, "llama", [1, 3, 6, 2, 6]),
      (#"{"tokenizer_class": "LlamaTokenizer", "legacy": null}"#, "llama", [3, 6, 2, 6]),
      (#"{"tokenizer_class": "LlamaTokenizer", "legacy": true}"#, "llama", [3, 6, 2, 3, 6]),
      (#"{"tokenizer_class": "LlamaTokenizer", "add_prefix_space": false}"#, "llama", [6, 2, 6]),
      // Mistral's models have the plain class, whatever is named.
      (#"{"tokenizer_class": "LlamaTokenizer"}"#, "mistral", [7, 5, 2, 7, 5]),
      (#"{"legacy": false}"#, "llama", [7, 5, 2, 6]), (#"{"legacy": null}"#, "llama", [7, 5, 2, 6]),
      (#"{"tokenizer_class": "PreTrainedTokenizerFast"}"#, "gemma", [7, 5, 2, 7, 5]),
      (
        #"{"add_prefix_space": false, "add_bos_token": true, "add_eos_token": true}"#, "llama",
        [1, 7, 5, 2, 7, 5, 2]
      ),
      (#"{"eos_token": "</s>"}"#, "gemma", [6, 2, 6]),
    ])
  func theClassThatIsNamedDecides(settings: String, modelType: String, ids: [Int]) throws {
    let texts = ["tokenizer_config.json": settings, "config.json": #"{"model_type": "\#(modelType)"}"#]
    try SmallSentencePiece.withFolder(["tokenizer.model": bytePairs()], texts) { (folder) throws in
      #expect(try Tokenizer(folder: folder).encode("ab</s>ab") == ids)
    }
  }

  @Test(.clause("TOK-22")) func theClassMayStandInTheModelsConfiguration() throws {
    for (config, ids) in [
      (#"{"tokenizer_class": "LlamaTokenizer"}"#, [3, 6]), (#"{"model_type": "gemma2"}"#, [6]),
      ("{}", [7, 5]),
    ] {
      try SmallSentencePiece.withFolder(["tokenizer.model": bytePairs()], ["config.json": config]) {
        (folder) throws in
        #expect(try Tokenizer(folder: folder).encode("ab") == ids)
      }
    }
    try SmallSentencePiece.withFolder(["tokenizer.model": bytePairs()]) { (folder) throws in
      #expect(try Tokenizer(folder: folder).encode("ab") == [7, 5])
    }
  }

  @Test(.clause("TOK-22")) func t5HasItsExtraTokensAndEndsEveryText() throws {
    let model = SmallSentencePiece().bytes
    try SmallSentencePiece.withFolder(["spiece.model": model], ["config.json": #"{"model_type": "t5"}"#]) {
      let tokenizer = try Tokenizer(folder: $0)
      #expect(try tokenizer.encode("ab<extra_id_0>") == [7, 5, 107, 2])
      #expect(tokenizer.vocabularySize == 108)
      #expect(tokenizer.endOfText == 2)
    }
    try SmallSentencePiece.withFolder(
      ["spiece.model": model], ["tokenizer_config.json": #"{"extra_ids": 2}"#]
    ) {
      let tokenizer = try Tokenizer(folder: $0)
      #expect(try tokenizer.encode("<extra_id_1>") == [8, 2])
      #expect(tokenizer.vocabularySize == 10)
    }
  }

  @Test(.clause("TOK-22")) func aPieceMayHaveAnotherNameInTheSettings() throws {
    let settings = """
      {"added_tokens_decoder": {"6": {"content": "[X]", "special": true}, "4": {"content": "b", "special": false}}}
      """
    // "b" is the name of another piece, which keeps it.
    let message = try refusal(["tokenizer.model": bytePairs()], ["tokenizer_config.json": settings])
    #expect(message.contains("gives \"b\" the id 4 where 5 is due"))
    let other = settings.replacingOccurrences(of: "\"b\"", with: "\"c\"")
    try SmallSentencePiece.withFolder(["tokenizer.model": bytePairs()], ["tokenizer_config.json": other]) {
      let tokenizer = try Tokenizer(folder: $0)
      #expect(try tokenizer.encode("[X]") == [6])
      #expect(try tokenizer.encode("b[X]c") == [3, 5, 6, 4])
    }
  }

  @Test(.clause("TOK-22")) func whatAClassDoesNotReadIsRefused() throws {
    let (unigram, bytePairs) = (SmallSentencePiece().bytes, bytePairs())
    let t5 = #"{"model_type": "t5"}"#
    #expect(
      try refusal(["spiece.model": bytePairs], ["config.json": t5]).hasPrefix(
        "FOLDER/spiece.model: trainer_spec: has the model type BPE, but T5Tokenizer reads UNIGRAM; "))
    #expect(
      try refusal(["tokenizer.model": unigram], ["config.json": #"{"model_type": "gemma"}"#]).hasPrefix(
        "FOLDER/tokenizer.model: trainer_spec: has the model type UNIGRAM, but GemmaTokenizer reads BPE; "))
    #expect(
      try refusal(["tokenizer.model": unigram], ["config.json": t5]).hasPrefix(
        "FOLDER/tokenizer.model: is not what T5Tokenizer reads, which is spiece.model; "))
    let albert = try refusal(
      ["spiece.model": unigram], ["tokenizer_config.json": #"{"tokenizer_class": "AlbertTokenizer"}"#])
    #expect(
      albert.hasPrefix(
        "FOLDER/spiece.model: is for the tokenizer \"AlbertTokenizer\", which is read from tokenizer.json alone; "
      ))
    #expect(albert.contains("save_pretrained"))
    let ids = try refusal(
      ["spiece.model": unigram], ["tokenizer_config.json": #"{"extra_ids": 99999999999}"#])
    #expect(ids.hasPrefix("FOLDER/tokenizer_config.json: extra_ids: is not in 0…65536; "))
    let end = try refusal(["spiece.model": unigram], ["tokenizer_config.json": #"{"eos_token": "<e>"}"#])
    #expect(end.hasPrefix("FOLDER/spiece.model: has no piece \"<e>\", the eos_token that ends every text; "))
    var two = SmallSentencePiece()
    two.pieces.removeLast(6)
    #expect(
      try refusal(["spiece.model": two.bytes]).hasPrefix(
        "FOLDER/spiece.model: holds 2 pieces, but T5Tokenizer takes that of id 2 for what is unknown; "))
  }

  /// What spells the unknown token joins the unknown characters beside it; a piece is worth more than they are.
  @Test(.clause("TOK-19")) func whatIsUnknownIsOneToken() throws {
    try SmallSentencePiece.withFolder(["tokenizer.model": SmallSentencePiece().bytes]) { (folder) throws in
      let tokenizer = try Tokenizer(folder: folder)
      #expect(try tokenizer.encode("x<unk>y", specialTokens: .asText) == [3, 0])
      #expect(try tokenizer.encode("<unk>", specialTokens: .asText) == [3, 0])
    }
    let document = #"{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["xy", -5]]}}"#
    try SmallSentencePiece.withFolder([:], ["tokenizer.json": document]) { (folder) throws in
      #expect(try Tokenizer(folder: folder).encode("xyx") == [1, 0])
    }
  }

  // MARK: How a text is written

  /// What SentencePiece 0.2.3 makes of it, by the letter.
  @Test(
    .clause("TOK-23"),
    arguments: [
      ("  a  b ", true, true, "▁a▁b"), ("  a  b ", true, false, "a▁b"), ("  a  b ", false, true, "▁▁▁a▁▁b▁"),
      ("  a  b ", false, false, "▁▁a▁▁b▁"), ("", true, true, ""), ("  ", true, true, ""),
      ("  ", false, true, "▁▁▁"),
      ("▁", true, true, ""), ("a▁", true, true, "▁a"), ("a\tb\n", true, true, "▁a\tb\n"),
    ])
  func spacesAreKeptOrTakenAway(text: String, removes: Bool, addsPrefix: Bool, written: String) throws {
    var small = SmallSentencePiece()
    small.normalizer = WireMessage().number(4, removes ? 1 : 0).number(3, addsPrefix ? 1 : 0)
    let rules = try SentencePieceText(SentencePieceFile(small.bytes))
    #expect(String(decoding: rules.applied(to: Array(text.utf8)[...]), as: UTF8.self) == written)
  }

  @Test(.clause("TOK-23")) func aByteThatIsNoTextIsReplacedAndWhatUsersDefineIsNot() throws {
    var small = SmallSentencePiece()
    for symbol in ["a b", "a"] { small.pieces.append((symbol, 0, .userDefined)) }
    small.pieces.remove(at: 4)
    let rules = try SentencePieceText(SentencePieceFile(small.bytes))
    let written = rules.applied(to: [0x62, 0xFF, 0xC3, 0x61][...])
    #expect(String(decoding: written, as: UTF8.self) == "▁b\u{FFFD}\u{FFFD}a")
    // A space within it becomes a mark like any other.
    #expect(String(decoding: rules.applied(to: Array("a  a b".utf8)[...]), as: UTF8.self) == "▁a▁a▁b")
    small.normalizer = WireMessage().number(5, 0)
    let unescaped = try SentencePieceText(SentencePieceFile(small.bytes))
    #expect(String(decoding: unescaped.applied(to: Array(" b  b ".utf8)[...]), as: UTF8.self) == " b b")
  }
}
