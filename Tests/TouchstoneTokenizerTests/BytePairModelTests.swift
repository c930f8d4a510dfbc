import Testing
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneTokenizer

/// Characters without a token, and the order of merges, in vocabularies of characters.
@Suite struct BytePairModelTests {
  private func model(
    _ tokens: [String], merges: [(String, String)] = [],
    _ change: (inout BytePairModel.Options) -> Void = { _ in }
  ) -> BytePairModel {
    let ids = Dictionary(uniqueKeysWithValues: tokens.enumerated().map { (Array($1.utf8), $0) })
    func id(_ token: String) -> Int { ids[Array(token.utf8)] ?? -1 }
    var list: [BytePairModel.Pair: BytePairModel.Merge] = [:]
    for (rank, (left, right)) in merges.enumerated() {
      list[BytePairModel.Pair(left: id(left), right: id(right))] = BytePairModel.Merge(
        rank: rank, token: id(left + right))
    }
    var options = BytePairModel.Options()
    change(&options)
    return BytePairModel(ids: ids, merges: list, options: options)
  }

  private func ids(_ model: BytePairModel, _ text: String) throws -> [Int] {
    try model.ids(of: Array(text.utf8)[...])
  }

  @Test(.clause("TOK-16")) func whatHasNoTokenIsSpeltByBytes() throws {
    let bytes = (UInt8.min...UInt8.max).map { ByteFallback.spelling(of: $0) }
    let whole = model(["?", "a"] + bytes) {
      $0.unknownToken = 0
      $0.fallsBackToBytes = true
    }
    #expect(try ids(whole, "aéa") == [1, 2 + 0xC3, 2 + 0xA9, 1])
    #expect(try whole.ids(of: [0x61, 0xFF]) == [1, 2 + 0xFF])
    // Where one of the bytes has no token, the character is unknown.
    let part = model(["?", "a", "<0xC3>"]) {
      $0.unknownToken = 0
      $0.fallsBackToBytes = true
    }
    #expect(try ids(part, "aéa") == [1, 0, 1])
  }

  @Test(.clause("TOK-16"), arguments: [true, false])
  func unknownCharactersAreOneTokenEachOrTogether(fuses: Bool) throws {
    let model = self.model(["?", "a"]) {
      $0.unknownToken = 0
      $0.fusesUnknown = fuses
    }
    #expect(try ids(model, "xyazz") == (fuses ? [0, 1, 0] : [0, 0, 1, 0, 0]))
  }

  @Test(.clause("TOK-16")) func aCharacterForWhichThereIsNothingIsRefused() {
    let error = #expect(throws: BadInput.self) { try ids(model(["a"]), "aé") }
    #expect(
      error?.problem
        == "the text holds the character U+00E9, for which the tokenizer's vocabulary has no token")
  }

  @Test(.clause("TOK-16")) func aWordThatIsATokenIsTakenWhereMergesAreIgnored() throws {
    let tokens = ["a", "b", "c", "ab", "abc"]
    #expect(try ids(model(tokens, merges: [("a", "b")]), "abc") == [3, 2])
    #expect(try ids(model(tokens, merges: [("a", "b")]) { $0.ignoresMerges = true }, "abc") == [4])
  }

  /// The merge of `ab` and `a` stands before that of `a` and `b`, which makes its part.
  @Test(.clause("TOK-5", "TOK-16"), arguments: [true, false])
  func aMergeBeforeThoseOfItsPartsWaitsOrNot(waits: Bool) throws {
    let model = self.model(["a", "b", "ab", "aba"], merges: [("ab", "a"), ("a", "b")]) {
      $0.mergesWholeRanks = waits
    }
    #expect(try ids(model, "abab") == (waits ? [2, 2] : [3, 1]))
  }

  @Test(.clause("TOK-15"), arguments: 0...255 as ClosedRange<UInt8>)
  func theTokenOfAByteIsReadAsThatByte(byte: UInt8) {
    #expect(ByteFallback.byte(of: Array(ByteFallback.spelling(of: byte).utf8)) == byte)
  }
}
