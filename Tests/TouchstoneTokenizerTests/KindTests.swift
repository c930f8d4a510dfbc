import Foundation
import Testing
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneTokenizer

/// The small tokenizers of every kind, with what Hugging Face's tokenizers did with them
/// (`Scripts/make_tokenizer_vectors.py`).
enum TokenizerKind {
  static let all = [
    "gpt2", "gpt2-files", "gpt2-prefix-space", "llama3", "qwen2", "cl100k", "o200k", "starcoder2",
    "deepseek3", "deepseek2", "falcon", "bloom", "neox", "phi2", "llama2", "llama2-normalized", "phi3",
    "mistral",
    "gemma", "clip", "gptj", "llama2-always", "codellama", "mixtral-split", "mistral-nemo", "gemma-whole",
    "phi4", "olmo2", "opt", "opt-files", "falcon3", "letters", "marks", "words", "byte-normalizer",
    "wordpiece", "wordpiece-cased", "unigram", "unigram-bytes", "spm-t5", "spm-llama", "spm-gemma",
    "spm-mistral", "spm-umt5", "spm-marian",
  ]

  static func folder(_ name: String) -> URL {
    TestData.fixtures.appendingPathComponent("kinds").appendingPathComponent(name)
  }

  static func tokenizer(_ name: String) throws -> Tokenizer {
    try Tokenizer(folder: folder(name).path)
  }

  private static let allTexts = Result {
    try JSONDecoder().decode([String].self, from: TestData.fixture("kinds/texts.json"))
  }

  /// What a kind is tried on; of Marian a language is asked for in front of every third text.
  static func texts(of kind: String) throws -> [String] {
    let texts = try allTexts.get()
    return kind == "spm-marian"
      ? texts.enumerated().map { ($0 % 3 == 2 ? ">>fr<< " : "") + $1 } : texts
  }
}

@Suite struct KindTests {
  struct Vectors: Decodable {
    struct File: Decodable {
      let count: Int
      let digest: String
      let lines: String
    }
    let texts: [String]
    let ids: [[Int]]
    let decoded: [String]
    let plain: String
    let untrusted: String
    let skipped: String
    let random: [String]
    let skippedRandom: String
    let files: [String: File]
  }

  private func vectors(_ kind: String) throws -> Vectors {
    try JSONDecoder().decode(
      Vectors.self, from: Data(contentsOf: TokenizerKind.folder(kind).appendingPathComponent("vectors.json")))
  }

  /// The digests of ten pairs of ids and text each, as the script writes them.
  private func digestsByTens(_ pairs: [(ids: [Int], text: String)]) -> [String] {
    stride(from: 0, to: pairs.count, by: 10).map { start in
      let ten = pairs[start..<min(start + 10, pairs.count)]
      return digest(ten.flatMap { $0.ids + [-1] }, ten.map(\.text).joined(separator: "\n"))
    }
  }

  private func check(_ pairs: [(ids: [Int], text: String)], _ expected: [String], _ kind: String) {
    let digests = digestsByTens(pairs)
    #expect(digests.count == expected.count)
    for (ten, (digest, expected)) in zip(digests, expected).enumerated() where digest != expected {
      let pairs = pairs[10 * ten..<min(10 * ten + 10, pairs.count)]
      Issue.record("\(kind): one of these is not the library's: \(pairs)")
    }
  }

  /// The beginning of the digest of ids and of a text.
  private func digest(_ ids: [Int], _ text: String) -> String {
    let packed = ids.map { Int32(truncatingIfNeeded: $0).littleEndian }.withUnsafeBytes { Data($0) }
    return String(sha256(packed + Data([0]) + Data(text.utf8)).prefix(10))
  }

  @Test(
    .clause(
      "TOK-11", "TOK-12", "TOK-13", "TOK-15", "TOK-16", "TOK-17", "TOK-18", "TOK-19",
      "TOK-20", "TOK-21", "TOK-22", "TOK-23"),
    arguments: TokenizerKind.all)
  func idsAndTextsAreThoseOfTheLibrary(kind: String) throws {
    let tokenizer = try TokenizerKind.tokenizer(kind)
    let vectors = try vectors(kind)
    let texts = try TokenizerKind.texts(of: kind)
    #expect(texts.count == 2000 && vectors.texts.count == 200)
    var pairs: [(ids: [Int], text: String)] = []
    for text in texts {
      let ids = try tokenizer.encode(text)
      pairs.append((ids, try tokenizer.decode(ids)))
    }
    for (text, (pair, (ids, decoded))) in zip(texts, zip(pairs, zip(vectors.ids, vectors.decoded))) {
      #expect(pair.ids == ids, "\(text.debugDescription)")
      #expect(Array(pair.text.utf8) == Array(decoded.utf8), "\(text.debugDescription)")
    }
    check(pairs, vectors.texts, kind)
    // Texts without added tokens are shown alike: random ids below try them all.
    let added = Set(tokenizer.specialTokens.values)
    let shown = try pairs.map { ids, text in
      added.isDisjoint(with: ids) ? text : try tokenizer.decode(ids, skippingSpecialTokens: true)
    }
    #expect(digest([], shown.joined(separator: "\n")) == vectors.skipped)
  }

  /// Every second kind; `TOUCHSTONE_EXHAUSTIVE=1` takes all.
  @Test(.clause("TOK-6", "TOK-14"), arguments: everyday(TokenizerKind.all, each: 2))
  func whatIsPutAroundAndWhatIsNotTrustedAreThoseOfTheLibrary(kind: String) throws {
    let tokenizer = try TokenizerKind.tokenizer(kind)
    let vectors = try vectors(kind)
    let texts = try TokenizerKind.texts(of: kind)
    let plain = try texts.flatMap { try tokenizer.encode($0, addsSpecialTokens: false) }
    #expect(digest(plain, "") == vectors.plain)
    let untrusted = try texts.flatMap { try tokenizer.encode($0, specialTokens: .asText) }
    #expect(digest(untrusted, "") == vectors.untrusted)
  }

  /// Ids that no text gives, too: bytes that are no character, beginnings inside a text.
  @Test(.clause("TOK-7", "TOK-8", "TOK-15"), arguments: TokenizerKind.all)
  func anyIdsAreDecodedAsByTheLibraryAndTheSameWhenStreamed(kind: String) throws {
    let tokenizer = try TokenizerKind.tokenizer(kind)
    let vectors = try vectors(kind)
    var pairs: [(ids: [Int], text: String)] = []
    for seed in 0..<UInt64(10 * vectors.random.count) {
      var random = SplitMix64(seed: seed)
      let size = UInt64(tokenizer.vocabularySize)
      let count = 1 + random.next() % 30
      let ids = (0..<count).map { _ in Int(random.next() % size) }
      let text = try tokenizer.decode(ids)
      pairs.append((ids, text))
      var decoder = StreamingDecoder(tokenizer)
      var streamed = ""
      for id in ids { streamed += try decoder.append(id) }
      streamed += decoder.finish()
      #expect(Array(streamed.utf8) == Array(text.utf8), "seed \(seed)")
    }
    #expect(pairs.count == 200)
    check(pairs, vectors.random, kind)
    let shown = try pairs.map { try tokenizer.decode($0.ids, skippingSpecialTokens: true) }
    #expect(digest([], shown.joined(separator: "\n")) == vectors.skippedRandom)
  }

  /// Every twentieth kind reads the megabyte, and all files line by line too, every day; all of them when asked.
  private static let readsTheLongText = Set(everyday(TokenizerKind.all, each: 20))

  @Test(
    .clause("TOK-11"), .enabled(if: TestData.hasGPT2, "the texts are not beside the checkout"),
    arguments: TokenizerKind.all)
  func wholeFilesHaveTheDigestsOfTheLibrary(kind: String) throws {
    let tokenizer = try TokenizerKind.tokenizer(kind)
    for (name, expected) in try vectors(kind).files.sorted(by: { $0.key < $1.key }) {
      guard name != "tinyshakespeare.txt" || Self.readsTheLongText.contains(kind) else {
        print("\(kind): tinyshakespeare is read whole only with TOUCHSTONE_EXHAUSTIVE=1, for it takes long")
        continue
      }
      let text = String(decoding: try TestData.text(name), as: UTF8.self)
      let ids = try tokenizer.encode(text)
      #expect(ids.count == expected.count, "\(name)")
      let decoded = try tokenizer.decode(ids)
      #expect(digest(ids, decoded) == expected.digest, "\(name)")
      guard name != "tinyshakespeare.txt", Self.readsTheLongText.contains(kind) else { continue }
      var lineIDs: [Int] = []
      var lines: [String] = []
      for line in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
        let ids = try tokenizer.encode(bytes: Array(line))
        lineIDs += ids
        lines.append(try tokenizer.decode(ids))
      }
      #expect(digest(lineIDs, lines.joined(separator: "\n")) == expected.lines, "\(name)")
    }
  }
}
