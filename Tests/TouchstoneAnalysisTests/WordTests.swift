import Foundation
import Testing
import TouchstoneAnalysis
import TouchstoneModel
import TouchstoneTokenizer

@Suite struct WordTests {
  static let tokenizer = Result { try Tokenizer(folder: TrainedModel.folder.path) }

  private func word(_ text: String, _ lookup: Word.Lookup = .insideSentence) throws -> Word {
    try Word(text, in: Self.tokenizer.get(), lookup: lookup)
  }

  @Test func aWordIsLookedUpWithASpaceBeforeIt() throws {
    #expect(try word("king").text == " king")
    #expect(try word(" king") == word("king"))
  }

  @Test func aWordThatIsOneTokenOnlyWithoutTheSpaceIsFoundToo() throws {
    #expect(try word("KING").text == "KING")
  }

  @Test func asWrittenNoSpaceIsAdded() throws {
    #expect(try word("in", .asWritten).text == "in")
    #expect(try word("in").text == " in")
    #expect(try word("in", .asWritten) != word("in"))
    #expect(throws: BadInput.self) { try word("king", .asWritten) }
  }

  @Test func aWordOfSeveralTokensIsRefusedWithItsPieces() throws {
    let error = try #require(throws: BadInput.self) { try word("kingdom") }
    #expect(error.description.contains("\" king\" \"d\" \"om\""), "\(error)")
  }

  @Test func anEmptyWordIsRefusedAsWritten() throws {
    #expect(throws: BadInput.self) { try word("", .asWritten) }
  }
}
