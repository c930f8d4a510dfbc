import Testing
import TouchstoneModel
import TouchstoneTestSupport
import TouchstoneVerdict

@testable import TouchstoneOptimiser

/// Right steps are never flagged, and what is changed in one is flagged where it was changed.
@Suite struct StepJudgeTests {
  @Test(.clause("OPT-2", "OPT-3"), arguments: StepSettings.Kind.allCases, [UInt64(11), 12, 13, 14])
  func rightStepsAreConsistent(kind: StepSettings.Kind, seed: UInt64) throws {
    for (clip, scale, nesterov) in [(Float(0.5), Float(1), false), (100, 1024, false), (0.5, 3, true)] {
      let verdict = try StepJudge().verdict(
        on: run(kind, seed: seed, clipNorm: clip, lossScale: scale, nesterov: nesterov && kind == .sgd))
      #expect(verdict.outcome == .consistent, "seed \(seed): \(verdict.flagged)")
      #expect(verdict.omissions.isEmpty && verdict.causes.isEmpty)
      // Each of three parameters: the sum, the scale, clipping, what is kept, θ; and a norm; of two steps.
      #expect(verdict.findings.count == 2 * (1 + 3 * (kind == .adamw ? 6 : 5)))
    }
  }

  @Test(
    .clause("OPT-2", "OPT-4", "OPT-5", "OPT-6", "OPT-7", "OPT-8", "OPT-9"),
    arguments: [
      (StepQuantity.accumulated, StepStage.accumulation), (.gradient, .unscaling), (.clipped, .clipping),
      (.firstMoment, .firstMoment), (.secondMoment, .secondMoment), (.theta, .theta),
    ])
  func whatIsChangedIsFlaggedFirstWhereItWasChanged(quantity: StepQuantity, stage: StepStage) throws {
    var steps = try run(.adamw, seed: 21, lossScale: 64)
    let changed = try #require(steps[quantity, "mlp", 1])
    var values = changed.values
    values[7] *= 1.001
    steps[quantity, "mlp", 1] = Tensor(values, shape: changed.shape)
    let verdict = try StepJudge().verdict(on: steps)
    #expect(verdict.outcome == .mismatch)
    let first = try #require(verdict.decisive)
    #expect(
      first.stage == stage && first.parameter == "mlp" && first.index == [1, 3] && first.step == "steps/002")
    #expect(first.flagged == 1)
  }

  @Test(.clause("OPT-5", "OPT-15")) func anotherNormIsFlagged() throws {
    var steps = try run(.adamw, seed: 22)
    steps.steps[0].norm = try #require(steps.steps[0].norm) * 1.01
    let verdict = try StepJudge().verdict(on: steps)
    #expect(verdict.decisive?.path == "steps/001/grad_norm")
    #expect(verdict.outcome == .mismatch)
  }

  @Test(.clause("OPT-2")) func aStepBeginsBitForBitWithWhatTheOneBeforeHasLeft() throws {
    var steps = try run(.adamw, seed: 23)
    var left = try #require(steps[.theta, "attn", 0])
    steps[.thetaBefore, "attn", 1] = left
    #expect(try StepJudge().verdict(on: steps).outcome == .consistent)
    left.values[2] = left.values[2].nextUp
    steps[.thetaBefore, "attn", 1] = left
    let verdict = try StepJudge().verdict(on: steps)
    #expect(verdict.decisive?.stage == .handover && verdict.outcome == .mismatch)
  }

  @Test func aNumberThatIsNoneIsNeverAccepted() throws {
    for quantity in [StepQuantity.theta, .firstMoment, .secondMoment] {
      var steps = try run(.adamw, seed: 24)
      var values = try #require(steps[quantity, "norm", 1]).values
      values[0] = .nan
      steps[quantity, "norm", 1] = Tensor(values, shape: [3, 4])
      #expect(try StepJudge().verdict(on: steps).outcome == .mismatch, "\(quantity)")
    }
  }

  @Test func whatIsNotRecordedLeavesTheVerdictOpen() throws {
    var steps = try run(.adamw, seed: 25)
    steps[.secondMoment, "mlp", 1] = nil
    let verdict = try StepJudge().verdict(on: steps)
    #expect(verdict.outcome == .inconclusive)
    #expect(verdict.omissions.map(\.path) == ["steps/002/v/mlp", "steps/002/theta/mlp"])
    #expect(try StepJudge(acceptsPartial: true).verdict(on: steps).outcome == .consistent)
  }

  @Test(.clause("OPT-6")) func clippingThatIsNotRecordedIsComputedWithTheMoments() throws {
    var steps = try run(.adamw, seed: 26)
    for name in steps.steps[0].parameters {
      for step in 0..<2 { steps[.clipped, name, step] = nil }
    }
    steps.steps[1].norm = nil
    #expect(try StepJudge().verdict(on: steps).outcome == .consistent)
    steps.steps[1].clipNorm = 2
    let verdict = try StepJudge().verdict(on: steps)
    #expect(verdict.decisive?.stage == .firstMoment && verdict.outcome == .mismatch)
  }

  @Test func gradientsThatAreNotFiniteAreNotCompared() throws {
    var steps = try run(.sgd, seed: 27)
    steps[.gradient, "attn", 0]?.values[0] = .infinity
    let verdict = try StepJudge().verdict(on: steps)
    #expect(verdict.omissions.contains { $0.path == "steps/001/grad/attn" })
    #expect(verdict.outcome != .consistent)
  }

  @Test func sixteenBitsAreRefused() throws {
    var steps = try run(.adamw, seed: 28)
    steps.precision = Precision(.bfloat16)
    let error = try #require(throws: BadInput.self) { try StepJudge().verdict(on: steps) }
    #expect(error.problem.contains("float32 and float64"))
  }

  @Test(.clause("OPT-1")) func aParameterIsInOneGroup() throws {
    let settings = StepSettings(.sgd, t: 1, lr: 0.1)
    let group = StepDescription.Group(names: ["a", "b"], settings: settings)
    for (groups, names, said) in [
      ([group, group], ["a"], "twice"), ([group], ["c"], "does not name c"),
    ] {
      let error = try #require(throws: BadInput.self) {
        try StepDescription(place: "step", groups: groups, parameters: names)
      }
      #expect(error.problem.contains(said))
    }
  }
}
