import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

@Suite struct FloorTests {
  @Test(arguments: Sample.all)
  func honestArithmeticStaysUnderTheFloor(_ sample: Sample) throws {
    let weights = try sample.weights()
    let inputs = try sample.inputs(weights.graph)
    let golden = try Golden(weights, inputs)
    for arithmetic in HonestArithmetic.all {
      let whole = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
      #expect(try Judge(weights: weights).verdict(on: whole, golden: golden).outcome == .consistent)
      var capture = whole
      capture.tensors = capture.tensors.filter { $0.key.point == .logits || $0.key.point == .residualOut }
      let verdict = try Judge(weights: nil).verdict(on: capture, golden: golden)
      #expect(verdict.outcome == .consistent, "\(arithmetic): \(verdict.flagged)")
      #expect(verdict.method == .floor)
      #expect(verdict.findings.count == 3)
    }
  }

  /// Every token comes to the same row, whose error does not cancel in what attention mixes of them, but need not be the same
  /// in all of them either.
  @Test(arguments: [(103, 703), (59, 705)])
  func rowsThatAreEqualErrAlikeButForHalfOfIt(_ width: Int, _ seed: UInt64) throws {
    let family = try #require(Family.all.first { $0.name == "phi" })
    let model = RandomDecoder(family, kind: .repetitive, width: width, seed: seed)
    let weights = try model.weights()
    let golden = try Golden(weights, try model.inputs(weights.graph))
    var fused = HonestArithmetic("residual fused", .fused)
    fused.fusesResidual = true
    let capture = try RecordedActivations(of: HonestTransformer(weights, fused), inputs: golden.inputs)
    let verdict = try Judge(weights: weights).verdict(on: capture, golden: golden)
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
  }

  @Test func theFloorIsTheSameEachTime() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let floor = NoiseFloor.measured(weights, inputs: inputs)
    #expect(floor == NoiseFloor.measured(weights, inputs: inputs))
    #expect(floor[Activation(.attentionScores, layer: 0)]?.shape == [4, 13])
    #expect(floor[Activation(.logits)]?.shape == [13])
    #expect(floor.values.allSatisfy { $0.values.allSatisfy { $0.isFinite && $0 >= 0 } })
  }

  @Test func aFaultShowsInTheLogitsAlone() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let golden = try Golden(weights, inputs)
    let fault = try #require(Fault.named("attention.no-scale"))
    let site = Activation(.attentionScores, layer: 0)
    var capture = RecordedActivations(weights: weights, inputs: inputs, planting: [site: fault])
    capture.tensors = capture.tensors.filter { $0.key.point == .logits }
    for (judge, method, note) in [
      (Judge(weights: weights), Verdict.Method.localFloor, "recomputed together"),
      (Judge(weights: nil), .floor, "weaker check"),
    ] {
      let verdict = try judge.verdict(on: capture, golden: golden)
      #expect(verdict.outcome == .mismatch)
      #expect(verdict.flagged.first?.activation == Activation(.logits))
      #expect(verdict.flagged.first?.method == method)
      #expect(verdict.method == method)
      #expect(verdict.notes.contains { $0.contains(note) })
    }
  }

  /// Every operation is right for these weights, and yet the golden's values are others.
  @Test func aDriftThatNoOperationExplainsIsSuspect() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let others = try SyntheticModel.probing.weights(Configuration(weights.graph), seed: 77)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    capture.tensors[Activation(.positionEmbedding)] = nil
    let verdict = try Judge(weights: weights).verdict(on: capture, golden: Golden(others, inputs))
    #expect(verdict.outcome == .inconclusive)
    let drift = try #require(verdict.flagged.first)
    #expect(verdict.flagged.count == 1)
    #expect(drift.zone == .suspect)
    #expect(drift.activation == Activation(.tokenEmbedding))
    #expect(drift.problem?.contains("not recorded") == true)
  }

  /// Engines that mask with a large negative number average all keys there.
  @Test func whatATokenWithoutAnyVisibleKeyHearsIsNotJudged() throws {
    let sample = Sample.all[3]
    let weights = try sample.weights()
    let inputs = try sample.inputs(weights.graph)
    var capture = RecordedActivations(graph: weights.graph, inputs: inputs)
    Executor(weights, inputs).run(computing: { site in
      var value = site.value()
      if site.operation.output.point == .attentionContext {
        for column in 0..<value.rowWidth { value[0, column] = 0.25 }
      }
      value = value.converted(to: Float.self).converted(to: Double.self)
      capture.tensors[site.operation.output] = value
      return value
    }) { _, _ in }
    let golden = try Golden(weights, inputs)
    let verdict = try Judge(weights: weights).verdict(on: capture, golden: golden)
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
    capture.tensors = capture.tensors.filter { $0.key.point != .attentionContext }
    let partial = try Judge(weights: weights).verdict(on: capture, golden: golden)
    #expect(partial.outcome == .consistent, "\(partial.flagged)")
    #expect(verdict.findings.allSatisfy { ($0.inherited ?? 1) < 1e-5 })
  }
}
