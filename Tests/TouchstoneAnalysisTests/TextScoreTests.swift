import Foundation
import Testing
import TouchstoneAnalysis
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference

@Suite struct ScoringWindowsTests {
  static let cases = [0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 23].flatMap { count in
    [1, 2, 3, 5, 8].flatMap { context in (1...context).map { (count, context, $0) } }
  }

  @Test(arguments: cases)
  func everyTokenButTheFirstIsScoredOnceInOrder(count: Int, context: Int, stride: Int) throws {
    let windows = try ScoringWindows(tokenCount: count, contextLength: context, stride: stride)
    #expect(windows.flatMap(\.scored) == Array(numbers(from: 1, to: count)))
  }

  @Test(arguments: cases)
  func aWindowScoresWhatItReadTheTokenBeforeOf(count: Int, context: Int, stride: Int) throws {
    for window in try ScoringWindows(tokenCount: count, contextLength: context, stride: stride) {
      #expect((1...context).contains(window.read.count))
      #expect(window.scored.lowerBound > window.read.lowerBound)
      #expect(window.scored.upperBound == window.read.upperBound + 1)
    }
  }

  @Test(arguments: cases)
  func afterTheFirstWindowTheStrideBoundsTheContextFromBelow(count: Int, context: Int, stride: Int) throws {
    for window in try ScoringWindows(tokenCount: count, contextLength: context, stride: stride).dropFirst() {
      #expect(window.scored.lowerBound - window.read.lowerBound == context - stride + 1)
    }
  }

  private func numbers(from start: Int, to end: Int) -> Range<Int> {
    start..<max(start, end)
  }
}

/// A model whose logits are known: each row the same, or a row for each token read.
private struct KnownLogits: Transformer {
  let graph: Graph
  private let vocabulary: Int
  let row: @Sendable (ArraySlice<Int>) -> [Double]

  init(vocabulary: Int, context: Int, row: @escaping @Sendable (ArraySlice<Int>) -> [Double]) throws {
    graph = try Configuration(
      vocabularySize: vocabulary, contextLength: context, width: 1, layerCount: 1, headCount: 1
    ).graph
    self.vocabulary = vocabulary
    self.row = row
  }

  func forward(_ inputs: Inputs, observe: (Activation, Tensor<Double>) throws -> Void) throws {
    let rows = inputs.tokenIDs.indices.flatMap { row(inputs.tokenIDs[...$0]) }
    try observe(Activation(.logits), Tensor(rows, shape: [inputs.count, vocabulary]))
  }
}

@Suite struct TextScoreTests {
  @Test func equalLogitsMakeThePerplexityTheVocabulary() throws {
    let model = try KnownLogits(vocabulary: 7, context: 4) { _ in [Double](repeating: 3, count: 7) }
    let score = try TextScore(tokens: [0, 6, 3, 3, 1, 2], transformer: model)
    #expect(score.predictions.map(\.position) == [1, 2, 3, 4, 5])
    #expect(abs(score.perplexity - 7) < 1e-14)
    #expect(score.predictions.allSatisfy { $0.best == 0 && abs($0.bestProbability - 1.0 / 7) < 1e-16 })
  }

  @Test func theLossIsMinusTheLogarithmOfTheProbabilityHoweverLargeTheLogits() throws {
    let model = try KnownLogits(vocabulary: 3, context: 2) { _ in [1e4, 1e4 + log(2.0), -1e4] }
    let score = try TextScore(tokens: [2, 1, 0, 2], transformer: model)
    #expect(abs(score.predictions[0].loss - log(1.5)) < 1e-11)
    #expect(abs(score.predictions[1].loss - log(3.0)) < 1e-11)
    #expect(abs(score.predictions[2].loss - (2e4 + log(3.0))) < 1e-9)
    #expect(score.predictions[2].probability == 0)
    #expect(score.predictions.map(\.best) == [1, 1, 1])
  }

  @Test(arguments: [1, 2, 3])
  func eachTokenIsPredictedFromItsWindowAlone(stride: Int) throws {
    // The logits name how many tokens were read, so that the loss tells the context.
    let model = try KnownLogits(vocabulary: 2, context: 3) { read in [Double(read.count), 0] }
    let score = try TextScore(tokens: [1, 0, 0, 0, 0, 0, 0, 0], transformer: model, stride: stride)
    for prediction in score.predictions {
      #expect(abs(prediction.loss - log1p(exp(-Double(prediction.contextLength)))) < 1e-15)
    }
    let smallest = score.predictions.dropFirst(3).map(\.contextLength).min()
    #expect(smallest == 3 - stride + 1)
  }

  @Test func aTextWithinTheContextIsOnePassOfTheReference() throws {
    let configuration = try Configuration(
      vocabularySize: 5, contextLength: 6, width: 4, layerCount: 1, headCount: 2)
    let reference = try ReferenceTransformer(TestWeights.random(configuration, seed: 3))
    let tokens = [4, 0, 2, 2, 1, 3, 0]
    var probabilities: Tensor<Double>?
    try reference.forward(Inputs(tokenIDs: Array(tokens.dropLast()), configuration: configuration)) {
      if $0.point == .probabilities { probabilities = $1 }
    }
    let rows = try #require(probabilities)
    let score = try TextScore(tokens: tokens, transformer: reference)
    #expect(score.predictions.count == 6)
    for prediction in score.predictions {
      let row = Array(rows.row(prediction.position - 1))
      #expect(abs(prediction.probability - row[prediction.token]) < 1e-15)
      #expect(prediction.best == argMax(row))
    }
  }

  @Test(arguments: [[], [1]])
  func aTextInWhichNothingFollowsIsRefused(tokens: [Int]) throws {
    let model = try KnownLogits(vocabulary: 2, context: 3) { _ in [0, 0] }
    #expect(throws: BadInput.self) { try TextScore(tokens: tokens, transformer: model) }
  }

  @Test(arguments: [[0, 2], [2, 0], [0, -1], [-1, 0], [0, 1, 0, 0, 0, 2]])
  func anUnknownTokenIsRefusedWhereverItStands(tokens: [Int]) throws {
    let model = try KnownLogits(vocabulary: 2, context: 3) { _ in [0, 0] }
    #expect(throws: BadInput.self) { try TextScore(tokens: tokens, transformer: model) }
  }

  @Test(arguments: [0, -1, 4])
  func aStrideThatDoesNotFitIsRefused(stride: Int) throws {
    let model = try KnownLogits(vocabulary: 2, context: 3) { _ in [0, 0] }
    #expect(throws: BadInput.self) { try TextScore(tokens: [0, 1], transformer: model, stride: stride) }
  }

  @Test(arguments: [[Double.nan, 0], [0, .nan], [.infinity, 0], [-.infinity, -.infinity]])
  func logitsThatAreNotNumbersAreRefused(row: [Double]) throws {
    let model = try KnownLogits(vocabulary: 2, context: 3) { _ in row }
    #expect(throws: BadInput.self) { try TextScore(tokens: [0, 1], transformer: model) }
  }
}
