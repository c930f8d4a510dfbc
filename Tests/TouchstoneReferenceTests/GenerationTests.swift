import Foundation
import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

/// Answers with the logits that a table gives for the last token, and remembers what it was asked.
private struct TablePredictor: NextTokenPredictor {
  let graph: Graph
  let nextToken: [Int]
  var contexts: [[Int]] = []

  init(nextToken: [Int], contextLength: Int) throws {
    graph = try Graph(validating: [
      Operation(
        .embedding(Embedding(.tokenIDs)), Activation("embed/token"),
        with: [ParameterView(Parameter("tokens", [nextToken.count, 1]))]),
      Operation(
        .embedding(Embedding(.positionIDs)), Activation("embed/position"),
        with: [ParameterView(Parameter("positions", [contextLength, 1]))]),
    ])
    self.nextToken = nextToken
  }

  mutating func nextTokenLogits(after tokens: [Int]) throws -> [Double] {
    contexts.append(tokens)
    guard let last = tokens.last else { return [] }
    return nextToken.indices.map { $0 == nextToken[last] ? 1 : 0 }
  }
}

@Suite struct GenerationTests {
  private func generate(
    _ generation: Generation, prompt: [Int], with predictor: inout TablePredictor
  ) throws -> (events: [Generation.Event], ending: Generation.Ending) {
    var sampler = Sampler(options: try SamplingOptions(temperature: 0), seed: 0)
    var events: [Generation.Event] = []
    let ending = try generation.run(prompt: prompt, predictor: &predictor, sampler: &sampler) {
      events.append($0)
    }
    return (events, ending)
  }

  @Test(.clause("GEN-1", "GEN-9")) func eachTokenIsAppendedAndReadAgain() throws {
    var predictor = try TablePredictor(nextToken: [1, 2, 0], contextLength: 8)
    let (events, ending) = try generate(Generation(maximumTokens: 4), prompt: [0], with: &predictor)
    #expect(events == [.token(1), .token(2), .token(0), .token(1)])
    #expect(ending == .maximumReached)
    #expect(predictor.contexts == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 0]])
  }

  @Test(.clause("GEN-4", "GEN-5")) func aFullContextForgetsTheOldestTokensAndSaysSoOnce() throws {
    var predictor = try TablePredictor(nextToken: [1, 2, 0], contextLength: 2)
    let (events, _) = try generate(Generation(maximumTokens: 4), prompt: [0], with: &predictor)
    #expect(events == [.token(1), .token(2), .windowSlides(contextLength: 2), .token(0), .token(1)])
    #expect(predictor.contexts == [[0], [0, 1], [1, 2], [2, 0]])
  }

  @Test(.clause("GEN-6")) func stoppingAtTheContextEndsWhenTheTextFillsIt() throws {
    var predictor = try TablePredictor(nextToken: [1, 2, 0], contextLength: 3)
    let generation = Generation(maximumTokens: 10, stopsAtContext: true)
    let (events, ending) = try generate(generation, prompt: [0], with: &predictor)
    #expect(events == [.token(1), .token(2)])
    #expect(ending == .contextFull)
  }

  @Test(.clause("GEN-7")) func theEndOfTextTokenEndsTheTextAndIsNotReported() throws {
    var predictor = try TablePredictor(nextToken: [1, 2, 0], contextLength: 8)
    let generation = Generation(maximumTokens: 10, endsOfText: [2, 7])
    let (events, ending) = try generate(generation, prompt: [0], with: &predictor)
    #expect(events == [.token(1)])
    #expect(ending == .endOfText)
  }

  @Test(.clause("GEN-8", "EMB-4", "EMB-5", "POS-5"), arguments: [[], [0, 1, 2, 0], [3], [-1]])
  func aPromptThatDoesNotFitIsRefused(prompt: [Int]) throws {
    var predictor = try TablePredictor(nextToken: [1, 2, 0], contextLength: 3)
    #expect(throws: BadInput.self) {
      try generate(Generation(maximumTokens: 1), prompt: prompt, with: &predictor)
    }
  }
}

@Suite struct SamplingTests {
  static let logits = [2.0, 1.0, 3.0, 3.0, -1.0]

  @Test(.clause("SAM-1", "SAM-2")) func temperatureZeroIsTheArgMaxWithTheLowestIDOfEqualOnes() throws {
    let options = try SamplingOptions(temperature: 0)
    #expect(nextTokenDistribution(Self.logits, options: options) == [0, 0, 1, 0, 0])
  }

  @Test(.clause("SAM-4")) func topKKeepsTies() throws {
    let kept = nextTokenDistribution(Self.logits, options: try SamplingOptions(topK: 1))
    #expect(kept == [0, 0, 0.5, 0.5, 0])
  }

  @Test(.clause("SAM-6")) func topPKeepsTheTokenThatCrosses() throws {
    // Probabilities ½, ¼, ⅛, ⅛: with p = 0.6 the second crosses and stays.
    let logits = [8.0, 4, 2, 2].map { log($0) }
    let kept = nextTokenDistribution(logits, options: try SamplingOptions(topP: 0.6))
    #expect(kept[2] == 0 && kept[3] == 0)
    #expect(abs(kept[0] - 2.0 / 3) < 1e-15 && abs(kept[1] - 1.0 / 3) < 1e-15)
  }

  @Test(.clause("SAM-7"), arguments: [0.05, 0.5, 1.0])
  func topPKeepsAtLeastOneToken(p: Double) throws {
    let kept = nextTokenDistribution(Self.logits, options: try SamplingOptions(topP: p))
    #expect(kept.contains { $0 > 0 })
    #expect(abs(kept.reduce(0, +) - 1) < 1e-15)
  }

  @Test(.clause("SMX-16"), arguments: [1e-3, 1e-200, .leastNonzeroMagnitude])
  func temperaturesNearZeroTendToTheArgMax(temperature: Double) throws {
    let logits = [2.0, 1.0, 3.0, -.infinity, -1e300]
    #expect(
      nextTokenDistribution(logits, options: try SamplingOptions(temperature: temperature)) == [
        0, 0, 1, 0, 0,
      ])
    let cut = try SamplingOptions(temperature: temperature, topK: 2, topP: 0.5)
    #expect(nextTokenDistribution(logits, options: cut) == [0, 0, 1, 0, 0])
  }

  @Test(.clause("SAM-15")) func theSameSeedDrawsTheSameTokens() throws {
    func draws(seed: UInt64) throws -> [Int] {
      var sampler = Sampler(options: try SamplingOptions(temperature: 1.5), seed: seed)
      return try (0..<40).map { _ in try sampler.next(Self.logits) }
    }
    #expect(try draws(seed: 7) == draws(seed: 7))
    #expect(try draws(seed: 7) != draws(seed: 8))
  }

  @Test(
    .clause("SAM-3"), arguments: [(-0.1, false), (2.1, false), (.nan, true), (.infinity, true), (-1, true)])
  func temperaturesOutOfRangeAreRefused(temperature: Double, allowAny: Bool) {
    #expect(throws: BadInput.self) {
      try SamplingOptions(temperature: temperature, allowAnyTemperature: allowAny)
    }
  }

  @Test(.clause("SAM-17"), arguments: [[Double.nan, 1], [.infinity, 1], [-.infinity, -.infinity]])
  func logitsThatAreNotNumbersChooseNothing(logits: [Double]) throws {
    var sampler = Sampler(options: try SamplingOptions(), seed: 0)
    #expect(throws: BadInput.self) { try sampler.next(logits) }
  }

  @Test(.clause("SAM-12")) func splitMix64GivesItsPublishedSequence() {
    var generator = SplitMix64(seed: 1_234_567)
    let expected: [UInt64] = [
      6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
    ]
    #expect((0..<3).map { _ in generator.next() } == expected)
  }
}
