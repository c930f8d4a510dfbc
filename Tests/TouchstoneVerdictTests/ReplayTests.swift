import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

@Suite struct ReplayTests {
  @Test(.clause("BND-3", "BND-5", "BND-6", "BND-7", "BND-8", "BND-10", "BND-11"), arguments: Sample.all)
  func honestArithmeticIsConsistent(_ sample: Sample) throws {
    let weights = try sample.weights()
    let inputs = try sample.inputs(weights.graph)
    for arithmetic in HonestArithmetic.all {
      let capture = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
      let verdict = try Judge(weights: weights).verdict(on: capture)
      #expect(verdict.outcome == .consistent, "\(arithmetic): \(verdict.flagged)")
    }
  }

  @Test(arguments: Sample.all)
  func theReferenceItselfIsConsistent(_ sample: Sample) throws {
    let weights = try sample.weights()
    let inputs = try sample.inputs(weights.graph)
    let golden = try RecordedActivations(of: ReferenceTransformer(weights), inputs: inputs)
    let verdict = try Judge(weights: weights).verdict(on: golden, golden: golden)
    #expect(verdict.outcome == .consistent)
    #expect(verdict.findings.allSatisfy { $0.inherited == 0 && $0.ratio == 0 })
    #expect(verdict.findings.count == weights.graph.operations.count)
  }

  /// More than a million logits, which all cores judge together after everything else.
  @Test func tensorsOverALargeVocabularyAreJudgedInTheirPlace() throws {
    let configuration = try Configuration(
      vocabularySize: 70_000, contextLength: 16, width: 8, layerCount: 1, headCount: 2)
    let weights = try SyntheticModel.probing.weights(configuration, seed: 5)
    let inputs = try Inputs(tokenIDs: (0..<16).map { 4001 * $0 }, configuration: configuration)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    let verdict = try Judge(weights: weights).verdict(on: capture)
    #expect(verdict.outcome == .consistent)
    #expect(verdict.findings.map(\.activation) == configuration.graph.operations.map(\.output))
    capture.tensors[Activation(.logits)]?.values[9 * 70_000 + 69_997] += 0.01
    let flagged = try Judge(weights: weights).verdict(on: capture).flagged
    #expect(flagged.map(\.activation) == [Activation(.logits), Activation(.probabilities)])
    #expect(flagged.first?.index == [9, 69_997])
  }

  @Test(arguments: [
    Activation(.attentionContext, layer: 1), Activation(.logits), Activation(.layerNorm1, layer: 0),
  ])
  func aValueThatIsNotANumberFails(_ activation: Activation) throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    for poison in [Double.nan, .infinity, -.infinity] {
      var capture = RecordedActivations(weights: weights, inputs: inputs)
      capture.tensors[activation]?.values[17] = poison
      let verdict = try Judge(weights: weights).verdict(on: capture)
      #expect(verdict.outcome == .mismatch)
      #expect(verdict.flagged.first?.activation == activation)
      #expect(verdict.flagged.first?.ratio == .infinity)
      #expect(verdict.flagged.first?.problem != nil)
    }
  }

  @Test func aValueThatIsNotANumberFailsEvenWhereNothingCanBeReplayed() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let whole = RecordedActivations(weights: weights, inputs: inputs)
    let point = Activation(.feedForwardInput, layer: 1)
    var capture = RecordedActivations(graph: weights.graph, inputs: inputs)
    capture.tensors[point] = whole.tensors[point]
    let honest = try Judge(weights: nil).verdict(on: capture)
    #expect(honest.outcome == .inconclusive)
    #expect(honest.findings.isEmpty)
    capture.tensors[point]?.values[3] = .nan
    #expect(try Judge(weights: nil).verdict(on: capture).outcome == .mismatch)
  }

  @Test func aWrongShapeFails() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    let point = Activation(.layerNorm2, layer: 0)
    let right = try #require(capture.tensors[point])
    capture.tensors[point] = Tensor(right.values, shape: right.shape.reversed())
    let verdict = try Judge(weights: weights).verdict(on: capture)
    #expect(verdict.outcome == .mismatch)
    #expect(verdict.flagged.map(\.activation) == [point])
  }

  @Test func aBlockThatReadsAnotherStreamFails() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    let point = Activation(.residualIn, layer: 1)
    capture.tensors[point]?.values[8] += 1e-7
    let verdict = try Judge(weights: weights).verdict(on: capture)
    #expect(verdict.flagged.first?.activation == point)
    #expect(verdict.flagged.first?.zone == .proven)
  }

  @Test func aCaptureOfOtherTokensIsRefused() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let other = try Inputs(
      tokenIDs: inputs.tokenIDs.reversed(), graph: weights.graph)
    let golden = RecordedActivations(weights: weights, inputs: inputs)
    let capture = RecordedActivations(weights: weights, inputs: other)
    #expect(throws: BadInput.self) { try Judge(weights: weights).verdict(on: capture, golden: golden) }
    #expect(throws: BadInput.self) {
      try Judge(weights: Sample.all[0].weights()).verdict(on: capture)
    }
  }

  /// Scores that the definition masks may hold anything.
  @Test func maskedScoresAreNotJudged() throws {
    let weights = try Sample.all[2].weights()
    let inputs = try Sample.all[2].inputs(weights.graph)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    for layer in 0..<2 {
      let point = Activation(.attentionScores, layer: layer)
      let scores = try #require(capture.tensors[point])
      capture.tensors[point] = Tensor(scores.values.map { $0.isFinite ? $0 : 17 }, shape: scores.shape)
    }
    #expect(try Judge(weights: weights).verdict(on: capture).outcome == .consistent)
  }

  @Test(.clause("BND-9"))
  func aMaskedProbabilityThatIsNotZeroFails() throws {
    let weights = try Sample.all[2].weights()
    let inputs = try Sample.all[2].inputs(weights.graph)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    let point = Activation(.attentionProbabilities, layer: 0)
    // Query 5 may not look at key 3, which is padding.
    capture.tensors[point]?.values[5 * 9 + 3] = 1e-30
    let flagged = try #require(try Judge(weights: weights).verdict(on: capture).flagged.first)
    #expect(flagged.activation == point)
    #expect(flagged.index == [0, 5, 3])
  }

  /// Whatever a capture leaves out, an honest one is consistent and says what was hidden.
  @Test(arguments: Activation.Point.allCases)
  func aHiddenActivationIsReplayedWithItsReader(_ point: Activation.Point) throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    var capture = try RecordedActivations(
      of: HonestTransformer(weights, HonestArithmetic("lanes", .lanes(8, fused: true))), inputs: inputs)
    let whole = capture.tensors.count
    capture.tensors = capture.tensors.filter { $0.key.point != point }
    let verdict = try Judge(weights: weights).verdict(on: capture)
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
    #expect(verdict.findings.count == capture.tensors.count)
    let isLastOfAll = point == .probabilities || point == .keyCache || point == .valueCache
    #expect(verdict.findings.contains { !$0.hidden.isEmpty } != isLastOfAll)
    #expect(verdict.notCompared.count >= whole - capture.tensors.count)
  }

  @Test func withoutWeightsTheOperationsThatNeedNoneAreReplayed() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let capture = RecordedActivations(weights: weights, inputs: inputs)
    let verdict = try Judge(weights: nil, acceptsPartial: true).verdict(on: capture)
    #expect(verdict.outcome == .consistent)
    let needNone = weights.graph.operations.filter { $0.parameters.isEmpty }
    #expect(verdict.findings.map(\.activation) == needNone.map(\.output))
  }
}
