import Foundation
import Testing
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneTokenizer

/// Marian's three files; the ids and texts are those of `MarianTokenizer` of transformers 5.24.
@Suite struct MarianTests {
  private func withTokenizer(
    _ source: SmallSentencePiece = SmallSentencePiece(), _ target: SmallSentencePiece = SmallSentencePiece(),
    vocabulary: String = SmallSentencePiece.vocabulary, settings: String = "{}",
    _ body: (Tokenizer) throws -> Void
  ) throws {
    try SmallSentencePiece.withFolder(
      ["source.spm": source.bytes, "target.spm": target.bytes],
      ["vocab.json": vocabulary, "tokenizer_config.json": settings]
    ) { try body(Tokenizer(folder: $0)) }
  }

  private func refusal(
    _ models: [String: [UInt8]], vocabulary: String? = SmallSentencePiece.vocabulary, settings: String = "{}"
  ) throws -> String {
    var texts = ["tokenizer_config.json": settings]
    texts["vocab.json"] = vocabulary
    return try SmallSentencePiece.withFolder(models, texts) { folder in
      let error = #expect(throws: BadInput.self) { try Tokenizer(folder: folder) }
      #expect(error?.remedy != nil)
      return error?.description.replacingOccurrences(of: folder, with: "FOLDER") ?? ""
    }
  }

  @Test(
    .clause("TOK-23"),
    arguments: [
      ("ab cd", [0, 2, 4, 8, 5]), ("", [5]), (">>x<< ab", [7, 0, 2, 5]), (">>x<<", [7, 5]),
      (">>y<<ab", [6, 0, 2, 5]), ("a>>x<<", [0, 7, 5]), ("xy", [4, 6, 5]),
      ("a</s>>>x<<a<pad>", [0, 5, 7, 0, 9, 5]),
      (">>a", [4, 6, 3, 5]),
    ])
  func piecesHaveTheirIdsFromTheVocabulary(text: String, ids: [Int]) throws {
    try withTokenizer { (tokenizer) throws in
      let encoded = try tokenizer.encode(text)
      #expect(encoded == ids)
    }
  }

  @Test(.clause("TOK-23")) func theAnswerIsCutByTheOtherFile() throws {
    var target = SmallSentencePiece()
    target.pieces[6].1 = 0
    try withTokenizer(SmallSentencePiece(), target) { (tokenizer) throws in
      #expect(try tokenizer.encode("ab") == [0, 2, 5])
      #expect(try tokenizer.ofAnswers.encode("ab") == [4, 1, 5])
      #expect(try tokenizer.ofAnswers.decode([4, 1]) == "ab")
    }
  }

  /// What users define has a score of its own, and sums are those of float32.
  @Test(.clause("TOK-23")) func scoresAreAddedAsSentencePieceAddsThem() throws {
    var source = SmallSentencePiece()
    source.pieces[6] = ("ab", -9, .userDefined)
    source.pieces[4].1 = -0.01
    try withTokenizer(source) { (tokenizer) throws in
      #expect(try tokenizer.encode("ab") == [4, 1, 5])
    }
    source = SmallSentencePiece()
    source.pieces[6].2 = .unused
    try withTokenizer(source) { (tokenizer) throws in
      #expect(try tokenizer.encode("bab") == [4, 2, 3, 2, 5])
    }
    // -3 + 1e-8 is -3 in float32: then ▁, a and b are worth no more than ▁ab, which begins first.
    source = SmallSentencePiece()
    source.pieces[4].1 = 1e-8
    source.pieces[6].1 = -9
    source.pieces[7] = ("▁ab", -4, .normal)
    try withTokenizer(source) { (tokenizer) throws in
      #expect(try tokenizer.encode("ab") == [6, 5])
    }
  }

  @Test(
    .clause("TOK-24"),
    arguments: [
      ([7, 0, 2, 4, 8, 5], ">>x<< ab cd</s>", ">>x<< ab cd"), ([0, 5, 0, 5], "a</s> a</s>", "a a"),
      ([4, 0, 4, 4], "a", "a"), ([5, 6, 9], "</s> <unk> <pad>", ""), ([], "", ""),
    ] as [([Int], String, String)])
  func piecesAreJoined(ids: [Int], shown: String, skipped: String) throws {
    try withTokenizer { (tokenizer) throws in
      #expect(try tokenizer.decode(ids) == shown)
      #expect(try tokenizer.decode(ids, skippingSpecialTokens: true) == skipped)
      var decoder = StreamingDecoder(tokenizer)
      var streamed = ""
      for id in ids { streamed += try decoder.append(id) }
      #expect(streamed + decoder.finish() == shown)
    }
  }

  @Test(.clause("TOK-24")) func whatSentencePieceKnowsIsToldFromWhatItDoesNot() throws {
    var source = SmallSentencePiece()
    source.pieces += [("<ctl>", 0, .control)] + (0...255).map { (ByteFallback.spelling(of: $0), 0, .byte) }
    source.trainer = WireMessage().number(35, 1)
    let more = #", "<ctl>": 10, "<0xC3>": 11, "<0xA9>": 12, "▁q": 13}"#
    let vocabulary = SmallSentencePiece.vocabulary.dropLast() + more
    try withTokenizer(source, source, vocabulary: String(vocabulary)) { (tokenizer) throws in
      #expect(try tokenizer.encode("é") == [4, 11, 12, 5])
      #expect(try tokenizer.decode([10, 11, 12, 10, 11, 0]) == "é\u{FFFD} a")
      #expect(try tokenizer.bytes(of: [11]) == [0xC3])
      // The first mark of a piece that it does not know is a space.
      #expect(try tokenizer.decode([5, 13]) == "</s>  q")
      #expect(try tokenizer.decode([5, 4, 0, 13]) == "</s> a q")
      #expect(try tokenizer.token(0) == Array(" a".utf8))
      #expect(try tokenizer.token(4) == Array(" ".utf8))
    }
    source.normalizer = WireMessage().number(4, 0)
    try withTokenizer(source, source, vocabulary: String(vocabulary)) { (tokenizer) throws in
      #expect(try tokenizer.decode([5, 4, 0]) == "</s>  a")
    }
    source.normalizer = WireMessage().number(4, 0).number(3, 0)
    try withTokenizer(source, source, vocabulary: String(vocabulary)) { (tokenizer) throws in
      #expect(try tokenizer.decode([5, 0]) == "</s>  a")
    }
  }

  /// A token is special where a field names it, whatever the list of added tokens says.
  @Test(.clause("TOK-23", "TOK-24")) func addedTokensAreFoundFirst() throws {
    let settings = """
      {"added_tokens_decoder": {"7": {"content": ">>x<<", "special": true}, "10": {"content": "ba", "special": false},
      "11": {"content": "<s2>", "special": false, "rstrip": true}}, "extra_special_tokens": ["<s2>"]}
      """
    try withTokenizer(settings: settings) { (tokenizer) throws in
      let ids = [7, 0, 10, 11, 0, 5]
      #expect(try tokenizer.encode(">>x<<aba<s2>  a") == ids)
      #expect(try tokenizer.decode(ids) == ">>x<< aba<s2> a</s>")
      #expect(try tokenizer.decode(ids, skippingSpecialTokens: true) == ">>x<< aba a")
    }
  }

  @Test(.clause("TOK-23")) func filesThatAreNotMariansAreRefused() throws {
    let model = SmallSentencePiece().bytes
    let both = ["source.spm": model, "target.spm": model]
    func small(_ change: (inout SmallSentencePiece) -> Void) -> [String: [UInt8]] {
      var small = SmallSentencePiece()
      change(&small)
      return ["source.spm": small.bytes, "target.spm": model]
    }
    for (message, start) in [
      (try refusal(["source.spm": model]), "source.spm: has no target.spm beside it"),
      (try refusal(both, vocabulary: nil), "source.spm: has no vocab.json beside it"),
      (
        try refusal(both, settings: #"{"tokenizer_class": "T5Tokenizer"}"#),
        "source.spm: is Marian's, but tokenizer_config.json names \"T5Tokenizer\""
      ),
      (
        try refusal(both, settings: #"{"separate_vocabs": true}"#),
        "tokenizer_config.json: separate_vocabs: is true, and target_vocab.json is not read"
      ),
      (
        try refusal(both, settings: #"{"sp_model_kwargs": {"enable_sampling": true}}"#),
        "tokenizer_config.json: sp_model_kwargs: changes how SentencePiece cuts, which is not supported"
      ),
      (
        try refusal(both, vocabulary: #"{"</s>": 0, "a": 1}"#),
        "vocab.json: holds no \"<unk>\", which every text needs"
      ),
      (
        try refusal(both, vocabulary: #"{"</s>": 0, "<unk>": 0}"#),
        "vocab.json: gives \"</s>\" and \"<unk>\" the same id, 0"
      ),
      (
        try refusal(small { $0.trainer = WireMessage().number(3, 2) }),
        "source.spm: has the model type BPE, but Marian's is UNIGRAM"
      ),
      (
        try refusal(small { $0.trainer = WireMessage().number(24, 1) }),
        "source.spm: marks the ends of words (treat_whitespace_as_suffix), which is not supported"
      ),
      (
        try refusal(small { $0.more = WireMessage().message(5, WireMessage().bytes(2, [1])) }),
        "source.spm: changes decoded text (denormalizer_spec), which is not supported"
      ),
    ] {
      #expect(message.hasPrefix("FOLDER/" + start + "; "), "\(message)")
    }
  }
}
