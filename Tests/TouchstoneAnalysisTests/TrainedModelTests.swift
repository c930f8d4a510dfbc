import Foundation
import Testing
import TouchstoneAnalysis
import TouchstoneCheckpoints
import TouchstoneHDF5
import TouchstoneModel
import TouchstoneReference
import TouchstoneTokenizer

/// Against Hugging Face's own float64 losses, `final/nll`.
@Suite struct IndependentLossTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let file: String
    let group: String
    let model: String
    var testDescription: String { file + group }
  }

  static let cases = [
    Case(file: "shakespeare-gpt2-prompt-1.h5", group: "/", model: "shakespeare-gpt2"),
    Case(file: "gpt2-odd-a.h5", group: "/T7/", model: "gpt2-odd-a"),
    Case(file: "gpt2-odd-a.h5", group: "/T19/", model: "gpt2-odd-a"),
  ]

  @Test(arguments: cases)
  func theReferencesLossesAreHuggingFaces(testCase: Case) throws {
    let file = try HDF5Reader(path: TrainedModel.independent.appending(path: testCase.file).path)
    let tokens = try numbers(testCase.group + "tokens", in: file) { Int(Int32(bitPattern: $0)) }
    let expected = try numbers(testCase.group + "f64/final/nll", in: file) { Double(bitPattern: $0) }
    let folder = TrainedModel.folder.deletingLastPathComponent().appending(path: testCase.model)
    let reference = ReferenceTransformer(try Checkpoint(directory: folder).weights)
    let score = try TextScore(tokens: tokens, transformer: reference)
    #expect(score.predictions.count == expected.count && expected.count == tokens.count - 1)
    let greatest = expected.map(abs).max() ?? 0
    for (prediction, loss) in zip(score.predictions, expected) {
      #expect(abs(prediction.loss - loss) <= 1e-12 * greatest, "\(prediction)")
    }
  }
}

/// The little-endian elements of a dataset.
private func numbers<Pattern: FixedWidthInteger, Number>(
  _ place: String, in file: HDF5Reader, _ number: (Pattern) -> Number
) throws -> [Number] {
  let dataset = try #require(try file.dataset(at: place))
  return try file.bytes(of: dataset).withUnsafeBytes { bytes in
    bytes.bindMemory(to: Pattern.self).map { number(Pattern(littleEndian: $0)) }
  }
}

/// What the embedding of the trained model has learned about pronouns.
@Suite struct TrainedEmbeddingTests {
  private let tokenizer: Tokenizer
  private let space: EmbeddingSpace

  init() throws {
    tokenizer = try Tokenizer(folder: TrainedModel.folder.path)
    space = try EmbeddingSpace(Checkpoint(directory: TrainedModel.folder).weights)
  }

  private func id(_ word: String) throws -> Int { try Word(word, in: tokenizer).token }

  @Test(arguments: [
    ["your", "you", "thou", "thy"], ["my", "I", "you", "your"], ["his", "he", "thou", "thy"],
    ["him", "he", "thou", "thee"],
  ])
  func analogiesOfPronounsHold(words: [String]) throws {
    let ids = try words.map(id)
    let vector = space.analogy(ids[0], minus: ids[1], plus: ids[2])
    let nearest = try space.nearest(to: vector, by: .cosine, count: 1, excluding: Set(ids.prefix(3)))
    #expect(nearest.map(\.id) == [ids[3]])
  }

  @Test(arguments: [("you", "your"), ("I", "my"), ("we", "our"), ("he", "his"), ("them", "their")])
  func possessivesLieFurtherAlongTheDirectionFromThouToThy(plain: String, possessive: String) throws {
    let direction = try space.direction(from: id("thou"), to: id("thy"))
    let step =
      try space.projection(of: id(possessive), on: direction) - space.projection(of: id(plain), on: direction)
    #expect(step > 0.2)
  }
}
