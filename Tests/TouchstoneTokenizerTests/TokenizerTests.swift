import Testing
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneTokenizer

@Suite struct TokenizerTests {
  private func small(_ merges: String...) throws -> Tokenizer {
    try SmallVocabulary(merges: merges).tokenizer()
  }

  // MARK: Merging

  @Test(.clause("TOK-5")) func theLowestRankIsMergedFirstAndFromTheLeft() throws {
    let tokenizer = try small("b c", "a b", "a a")
    #expect(try tokens(tokenizer, "abc") == ["a", "bc"])
    #expect(try tokens(tokenizer, "abab") == ["ab", "ab"])
    #expect(try tokens(tokenizer, "aaaaa") == ["aa", "aa", "a"])
  }

  @Test(.clause("TOK-4")) func pairsAreNotMergedAcrossWords() throws {
    let tokenizer = try small("a _", "_ b", "e s")
    #expect(try tokens(tokenizer, "a b") == ["a", " b"])
    #expect(try tokens(tokenizer, "e's") == ["e", "'", "s"])
  }

  private func tokens(_ tokenizer: Tokenizer, _ text: String) throws -> [String] {
    try tokenizer.encode(text).map { String(decoding: try tokenizer.token($0), as: UTF8.self) }
  }

  /// The loop of GPT-2's `encoder.py`: find the pair of lowest rank, merge it everywhere, start again.
  private func plainMerge(_ word: [UInt8], _ model: BytePairModel) throws -> [Int] {
    var ids = try word.map { try #require(model.id(of: [$0])) }
    while true {
      let pairs = zip(ids, ids.dropFirst()).map { BytePairModel.Pair(left: $0, right: $1) }
      guard let best = pairs.compactMap({ model.merges[$0] }).min(by: { $0.rank < $1.rank }) else {
        return ids
      }
      var merged: [Int] = []
      var index = 0
      while index < ids.count {
        if index < pairs.count, model.merges[pairs[index]]?.rank == best.rank {
          merged.append(best.token)
          index += 2
        } else {
          merged.append(ids[index])
          index += 1
        }
      }
      ids = merged
    }
  }

  /// Merge lists in random order, so that a merge may come before the ones that make its parts.
  @Test(.clause("TOK-5"), arguments: 0..<200 as Range<UInt64>)
  func anyMergeListIsAppliedAsTheReferenceLoopDoes(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var made = ["a", "b", "c"]
    var merges: Set<[String]> = []
    for _ in 0..<12 {
      let pair = (0..<2).map { _ in made[Int.random(in: made.indices, using: &random)] }
      if merges.insert(pair).inserted { made.append(pair.joined()) }
    }
    var small = SmallVocabulary(
      merges: merges.sorted { $0.joined().count < $1.joined().count }.map {
        $0.joined(separator: " ")
      })
    small.mergeLines.shuffle(using: &random)
    let tokenizer = try small.tokenizer()
    let model = try small.model()
    for length in [0, 1, 2, 3, 7, 20, 61] {
      let word = (0..<length).map { _ in UInt8(ascii: "a") + UInt8.random(in: 0..<3, using: &random) }
      let expected = try plainMerge(word, model)
      #expect(try tokenizer.encode(bytes: word) == expected, "seed \(seed), \(length)")
    }
  }

  /// A quadratic algorithm would take minutes.
  @Test func aVeryLongWordIsMerged() throws {
    let tokenizer = try small("a a", "aa aa", "aaaa aaaa")
    let ids = try tokenizer.encode(String(repeating: "a", count: 200_003))
    #expect(ids.count == 25_000 + 2)
    #expect(try tokenizer.decode(ids.suffix(3)) == "aaaaaaaaaaa")
  }

  // MARK: Round trips

  @Test(.clause("TOK-1"), arguments: 0..<100 as Range<UInt64>)
  func anyBytesComeBackUnchanged(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let bytes =
      random.bytes(count: Int.random(in: 0...500, using: &random)) + Array(random.text(count: 50).utf8)
    let tokenizer = try Loaded.shakespeare()
    #expect(try tokenizer.bytes(of: tokenizer.encode(bytes: bytes)) == bytes, "seed \(seed)")
    #expect(try tokenizer.bytes(of: tokenizer.encode(bytes: bytes, specialTokens: .asText)) == bytes)
  }

  @Test(.clause("TOK-1"), .enabled(if: TestData.hasGPT2, "GPT-2's vocabulary is not beside the checkout"))
  func aFileThatIsNotTextComesBackUnchanged() throws {
    let bytes = try TestData.text("UTF-8-test.txt")
    let tokenizer = try Loaded.gpt2()
    #expect(String(validating: bytes, as: UTF8.self) == nil)
    #expect(try tokenizer.bytes(of: tokenizer.encode(bytes: bytes)) == bytes)
  }

  /// What may be cut and joined is words: elsewhere the ids of two halves need not be those of the whole.
  @Test(.clause("TOK-4"), arguments: 0..<100 as Range<UInt64>)
  func theIdsOfATextAreThoseOfItsWordsJoined(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let bytes = Array(random.text(count: 60).utf8)
    let tokenizer = try Loaded.shakespeare()
    var splitter = WordSplitter(bytes[...])
    var joined: [Int] = []
    while let word = splitter.next() { joined += try tokenizer.encode(bytes: Array(word)) }
    #expect(try tokenizer.encode(bytes: bytes) == joined, "seed \(seed)")
  }

  @Test(.clause("TOK-4")) func theIdsOfTwoHalvesNeedNotBeThoseOfTheWhole() throws {
    let tokenizer = try Loaded.shakespeare()
    #expect(try tokenizer.encode("so ") + tokenizer.encode("the") != tokenizer.encode("so the"))
  }

  // MARK: Ids

  @Test(.clause("TOK-9"), arguments: [-1, 512, Int.min, Int.max])
  func idsOutsideTheVocabularyAreRefused(id: Int) throws {
    let tokenizer = try Loaded.shakespeare()
    let error = #expect(throws: BadInput.self) { try tokenizer.token(id) }
    #expect(error?.problem == "\(id) is outside the tokenizer's vocabulary 0…511")
    #expect(throws: BadInput.self) { try tokenizer.decode([0, id]) }
  }

  @Test(.clause("TOK-7")) func whatIsNotTextIsDecodedAsReplacementCharacters() throws {
    let tokenizer = try small()
    let ids = try tokenizer.encode(bytes: [0x61, 0xFF, 0xE2, 0x82, 0x62])
    #expect(try tokenizer.decode(ids) == "a\u{FFFD}\u{FFFD}b")
    #expect(try tokenizer.decode([]) == "")
  }

  @Test func aByteWithoutATokenIsRefusedWhenItOccurs() throws {
    let files = VocabularyFiles(
      ids: [Array("a".utf8): 0, Array("b".utf8): 1, Array("ab".utf8): 2], vocabularyFile: "vocab.json",
      merges: Array("a b".utf8), mergesFile: "merges.txt")
    let tokenizer = try files.document(TokenizerSettings()).tokenizer(TokenizerSettings())
    #expect(try tokenizer.encode("abba") == [2, 1, 0])
    let error = #expect(throws: BadInput.self) { try tokenizer.encode("abc") }
    #expect(error?.problem == "the text holds the byte 99, for which the tokenizer's vocabulary has no token")
  }

  // MARK: Special tokens

  @Test(.clause("TOK-6")) func specialTokensAreRecognisedUnlessTheTextIsNotTrusted() throws {
    let tokenizer = try small("a b")
    #expect(tokenizer.endOfText == 257)
    #expect(tokenizer.specialTokens == ["<|endoftext|>": 257])
    #expect(try tokenizer.encode("ab<|endoftext|>ab<|endoftext|><|endoftext|>") == [256, 257, 256, 257, 257])
    let asText = try tokenizer.encode("ab<|endoftext|>", specialTokens: .asText)
    #expect(asText.count == 14 && !asText.contains(257))
    #expect(try tokenizer.decode([256, 257]) == "ab<|endoftext|>")
  }

  @Test(.clause("TOK-6")) func partsOfASpecialTokenAreText() throws {
    let tokenizer = try small()
    for text in ["<", "<|", "<|endoftext|", "|endoftext|>", "<<|endoftex", "<|endoftext"] {
      #expect(try !tokenizer.encode(text).contains(256))
      #expect(try tokenizer.decode(tokenizer.encode(text)) == text)
    }
    #expect(try tokenizer.encode("<<|endoftext|>>").count == 3)
  }

  @Test(.clause("TOK-6")) func theLongestSpecialTokenIsTaken() throws {
    let tokenizer = try SmallVocabulary(special: ["<s>", "<s><s>", "[PAD]"]).tokenizer()
    #expect(try tokenizer.encode("<s><s><s>[PAD]") == [257, 256, 258])
    #expect(tokenizer.endOfText == nil)
  }

  /// The space before a special token is not joined to it, and the text after it is split by itself.
  @Test func textAroundASpecialTokenIsSplitByItself() throws {
    let tokenizer = try small("_ a")
    #expect(try tokenizer.encode("  <|endoftext|> a").suffix(2) == [257, 256])
    #expect(try tokenizer.encode("  <|endoftext|> a").count == 4)
  }
}
