import Testing
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneOptimiser

/// What a step does otherwise is named, with both numbers.
@Suite struct StepCauseTests {
  /// A fault: what the engine does, told to the judge as if it were right; where it begins, and what is to be said.
  struct Planted: Sendable, CustomTestStringConvertible {
    let id: String
    let kind: StepSettings.Kind
    /// What the engine is set to.
    let engine: @Sendable (inout StepSettings) -> Void
    let said: String
    var testDescription: String { id }
  }

  static let settings: [Planted] = [
    Planted(id: "beta1", kind: .adamw, engine: { $0.beta1 = 0.8 }, said: "β₁ is 0.8 instead of 0.9"),
    Planted(id: "beta2", kind: .adamw, engine: { $0.beta2 = 0.99 }, said: "β₂ is 0.99 instead of 0.95"),
    Planted(id: "epsilon", kind: .adamw, engine: { $0.epsilon = 0.002 }, said: "ε is 0.002 instead of 1e-06"),
    Planted(
      id: "lr", kind: .adamw, engine: { $0.lr = 2e-3 }, said: "the learning rate is 0.002 instead of 0.003"),
    Planted(
      id: "betas-exchanged", kind: .adamw, engine: { ($0.beta1, $0.beta2) = ($0.beta2, $0.beta1) },
      said: "0.95 and 0.9 instead of 0.9 and 0.95"),
    Planted(
      id: "momentum", kind: .sgd, engine: { $0.momentum = 0.8 }, said: "momentum is 0.8 instead of 0.9"),
    Planted(
      id: "dampening", kind: .sgd, engine: { $0.dampening = 0.3 }, said: "dampening is 0.3 instead of 0.2"),
    Planted(id: "nesterov", kind: .sgd, engine: { $0.nesterov = true }, said: "the step looks ahead"),
  ]

  @Test(.clause("OPT-19"), arguments: settings, [UInt64(41), 42])
  func aNumberThatIsAnotherIsNamedWithBoth(planted: Planted, seed: UInt64) throws {
    var engine = Engine(planted.kind, seed: seed)
    let meant = engine.settings
    planted.engine(&engine.settings)
    var steps = RecordedSteps()
    try engine.step(&steps, place: "steps/001", seed: seed + 1)
    try engine.step(&steps, place: "steps/002", seed: seed + 2, follows: true)
    for index in steps.steps.indices { try steps.say(meant, decay: engine.decay, in: index) }
    let verdict = try StepJudge().verdict(on: steps)
    let cause = try #require(
      verdict.causes.last { $0.step == "steps/002" },
      "seed \(seed): nothing is named of \(verdict.flagged.count)")
    let names = [cause.name] + cause.equivalents
    #expect(cause.id == planted.id && names.contains { $0.contains(planted.said) }, "seed \(seed): \(names)")
    #expect(cause.parameters.those == 3 && cause.parameters.of == 3)
  }

  /// Values of the second step that are computed otherwise.
  struct Otherwise: Sendable, CustomTestStringConvertible {
    let id: String
    let quantity: StepQuantity
    let value: @Sendable (StepElement, StepArithmetic) -> Double
    var testDescription: String { "\(id) in \(quantity.rawValue)" }
  }

  static let others: [Otherwise] = [
    Otherwise(id: "epsilon-inside", quantity: .theta) { element, by in
      var other = by
      other.settings.epsilonPlacement = .inside
      return other.value(.theta, element)
    },
    Otherwise(id: "no-correction", quantity: .theta) { element, by in
      var other = by
      (other.correction1, other.correction2) = (1, 1)
      return other.value(.theta, element)
    },
    Otherwise(id: "step-never-counted", quantity: .theta) { element, by in
      var other = by
      other.settings.t = 1
      return other.value(.theta, element)
    },
    Otherwise(id: "decay-missing", quantity: .theta) { element, by in
      var other = by
      other.settings.weightDecay = 0
      return other.value(.theta, element)
    },
    Otherwise(id: "sign", quantity: .theta) { element, by in
      element.thetaBefore * (1 - by.settings.lr * by.settings.weightDecay)
        + by.settings.lr * by.direction(element.firstMoment, element.secondMoment)
    },
    Otherwise(id: "first-moment-undamped", quantity: .firstMoment) { element, by in
      by.settings.beta1 * element.firstMomentBefore + by.gradient(element)
    },
    Otherwise(id: "second-moment-not-squared", quantity: .secondMoment) { element, by in
      by.settings.beta2 * element.secondMomentBefore + (1 - by.settings.beta2) * abs(by.gradient(element))
    },
    Otherwise(id: "clip-left-out", quantity: .clipped) { element, _ in element.gradient },
    Otherwise(id: "clip-by-value", quantity: .clipped) { element, _ in max(-0.5, min(0.5, element.gradient))
    },
    Otherwise(id: "scale-not-removed", quantity: .gradient) { element, _ in element.accumulated },
    Otherwise(id: "stored-bfloat16", quantity: .theta) { element, by in
      let bits = Float(by.value(.theta, element)).bitPattern
      return Double(Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000))
    },
  ]

  @Test(.clause("OPT-19"), arguments: others, [UInt64(51), 52])
  func whatIsDoneOtherwiseIsNamed(other: Otherwise, seed: UInt64) throws {
    var steps = try run(.adamw, seed: seed, clipNorm: 0.5, lossScale: 16)
    let context = try StepContext(steps, 1)
    for name in steps.steps[1].parameters {
      let parameter = try context.parameter(name)
      let by = context.arithmetic(name)
      let values = (0..<parameter.count).map { index in
        Double(Float(other.value(parameter.element(index, clips: true), by)))
      }
      steps[other.quantity, name, 1] = Tensor(values, shape: parameter.shape)
    }
    let verdict = try StepJudge().verdict(on: steps)
    #expect(verdict.outcome == .mismatch)
    let ids = verdict.causes.filter { $0.step == "steps/002" }.map(\.id)
    #expect(ids.contains(other.id), "seed \(seed): \(verdict.causes.map(\.name))")
  }

  @Test(
    .clause("OPT-19"),
    arguments: [
      ([0.0, 1], "accumulation-overwritten"), ([1, 2], "accumulation-twice"), ([1, 0], "accumulation-lost"),
      ([0.5, 0.5], "accumulation-divided"), ([0.7, 1.4], "accumulation-shares"),
    ])
  func howOftenAMicroBatchCountsIsReadOff(shares: [Double], id: String) throws {
    var steps = try run(.sgd, seed: 61)
    for name in steps.steps[1].parameters {
      let parts = try (0..<2).map { try #require(steps[microBatch: $0, name, 1]) }
      let sum = zip(parts[0].values, parts[1].values).map { Double(Float(shares[0] * $0 + shares[1] * $1)) }
      steps[.accumulated, name, 1] = Tensor(sum, shape: parts[0].shape)
    }
    let verdict = try StepJudge().verdict(on: steps)
    #expect(verdict.causes.first?.id == id, "\(verdict.causes.map(\.name))")
  }

  @Test(
    .clause("OPT-19"),
    arguments: [
      "clip-norm-not-rooted", "clip-norm-is-mean", "clip-norm-is-maximum", "clip-norm-of-one-tensor-lost",
    ])
  func anotherNormIsNamed(id: String) throws {
    var steps = try run(.adamw, seed: 62)
    let values = try steps.steps[0].parameters.map { try #require(steps[.gradient, $0, 0]).values }
    let all = values.flatMap(\.self)
    let sum = all.reduce(0) { $0 + $1 * $1 }
    steps.steps[0].norm =
      switch id {
      case "clip-norm-not-rooted": sum
      case "clip-norm-is-mean": (sum / Double(all.count)).squareRoot()
      case "clip-norm-is-maximum": all.map(abs).max()
      default: values.dropFirst().joined().reduce(0) { $0 + $1 * $1 }.squareRoot()
      }
    #expect(try StepJudge().verdict(on: steps).causes.first?.id == id)
  }

  /// An error without a pattern has no cause, however few its elements.
  @Test(.clause("OPT-19"), arguments: [UInt64(71), 72, 73]) func noiseIsNotExplained(seed: UInt64) throws {
    for (quantity, count) in [(StepQuantity.theta, 1), (.theta, 3), (.firstMoment, 1), (.secondMoment, 20)] {
      var steps = try run(.adamw, seed: seed)
      var draws = Draws(seed: seed)
      var tensor = try #require(steps[quantity, "mlp", 1])
      for place in 0..<count { tensor.values[place] *= 1 + 0.1 * Double(draws.next()) }
      steps[quantity, "mlp", 1] = tensor
      let verdict = try StepJudge().verdict(on: steps)
      #expect(
        verdict.outcome == .mismatch && verdict.causes.isEmpty, "seed \(seed): \(verdict.causes.map(\.name))")
    }
  }
}

extension RecordedSteps {
  /// Says of a step that it was taken with other settings.
  mutating func say(_ settings: StepSettings, decay: [String: Double], in index: Int) throws {
    let old = steps[index]
    let groups = old.groups.map { group in
      var own = settings
      own.t = group.settings.t
      own.weightDecay = decay[group.names[0], default: 0]
      return StepDescription.Group(names: group.names, settings: own)
    }
    var step = try StepDescription(place: old.place, groups: groups, parameters: old.parameters)
    (step.lossScale, step.clipNorm, step.norm, step.follows) = (
      old.lossScale, old.clipNorm, old.norm, old.follows
    )
    step.microBatchCount = old.microBatchCount
    steps[index] = step
  }
}
