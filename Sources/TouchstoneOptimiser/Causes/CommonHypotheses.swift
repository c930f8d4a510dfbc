import TouchstoneModel

/// What a step of either kind may do otherwise, nothing of it read off the capture.
extension StepHypothesis {
  /// - Parameter context: the step, whose groups and norm other settings come from.
  static func common(_ context: StepContext) -> [StepHypothesis] {
    storages + unscalings + updates + clippings(context) + neighbours(context)
  }

  private static let storages: [StepHypothesis] = [ScalarType.bfloat16, .float16].map { type in
    StepHypothesis("stored-" + type.rawValue) { _ in "what the step makes is stored as \(type.rawValue)" }
      .stored(as: type)
  }

  private static let unscalings: [StepHypothesis] = [
    StepHypothesis("scale-not-removed") {
      "the loss scale is not removed (divided by 1 instead of \(number($0.lossScale)))"
    }
    .at(.unscaling) { element, _ in element.accumulated },
    StepHypothesis("scale-removed-twice") {
      "the loss scale is removed twice (divided by \(number($0.lossScale * $0.lossScale)) instead of \(number($0.lossScale)))"
    }
    .at(.unscaling) { element, by in element.accumulated / by.lossScale / by.lossScale },
    StepHypothesis("scale-multiplied") {
      "the loss scale is multiplied (by \(number($0.lossScale)) instead of its inverse)"
    }
    .at(.unscaling) { element, by in element.accumulated * by.lossScale },
  ]

  private static let updates: [StepHypothesis] = [
    StepHypothesis("not-updated") { _ in "the parameter is not updated" }
      .at(.theta) { element, _ in element.thetaBefore },
    StepHypothesis("nothing-updated") { _ in "neither the parameter nor what is kept of it is updated" }
      .at(.theta) { element, _ in element.thetaBefore }
      .at(.firstMoment) { element, _ in element.firstMomentBefore }
      .at(.secondMoment) { element, _ in element.secondMomentBefore }
      .at(.momentum) { element, _ in element.momentumBefore ?? 0 },
    StepHypothesis("gradient-not-clipped") { _ in "the optimiser reads the gradient before clipping" }
      .at(.firstMoment) { element, by in by.firstMoment(unclipped(element)) }
      .at(.secondMoment) { element, by in by.secondMoment(unclipped(element)) }
      .at(.momentum) { element, by in by.momentum(unclipped(element)) },
  ]

  private static func unclipped(_ element: StepElement) -> StepElement {
    var copy = element
    copy.clipped = element.gradient
    return copy
  }

  // MARK: Clipping

  private static func clippings(_ context: StepContext) -> [StepHypothesis] {
    let step = context.description
    guard let limit = step.clipNorm, let norm = step.norm ?? context.squares?.norm else { return [] }
    let epsilon = step.clipEpsilon
    func coefficient(
      _ id: String, _ what: String, _ value: @escaping @Sendable (Facts) -> Double
    ) -> StepHypothesis {
      StepHypothesis(id) { by in
        "\(what) (the coefficient is \(number(value(Facts(norm: norm)))) instead of \(number(by.clipping.coefficient)))"
      }
      .with { by, facts in by.clipping.replace(by: value(facts)) }
    }
    @Sendable func clipped(_ norm: Double) -> Double { min(1, limit / (norm + epsilon)) }
    let scale = step.lossScale
    let known = [
      coefficient("clip-left-out", "gradients are not clipped") { _ in 1 },
      coefficient("clip-not-clamped", "the coefficient is not limited to 1") { _ in limit / (norm + epsilon)
      },
      coefficient("clip-coefficient-inverse", "the coefficient is the inverse") { _ in
        (norm + epsilon) / limit
      },
      coefficient("clip-before-unscale", "gradients are clipped before they are unscaled") { _ in
        clipped(norm * scale)
      },
      coefficient("clip-before-unscale", "the norm is divided by the loss scale once more") { _ in
        clipped(norm / scale)
      },
      coefficient("clip-norm-not-rooted", "the norm's root is not taken") { _ in clipped(norm * norm) },
      coefficient("clip-to-one", "gradients are divided by their norm") { _ in 1 / (norm + epsilon) },
      coefficient("clip-epsilon", "nothing is added to the norm") { _ in min(1, limit / norm) },
      coefficient("clip-epsilon", "1e-06 is added to the norm") { _ in min(1, limit / (norm + 1e-6)) },
    ]
    let others = context.squares.map { squares in
      [
        coefficient("clip-norm-is-mean", "the norm is a root mean square") { _ in
          clipped(norm / squares.count.squareRoot())
        },
        coefficient("clip-norm-is-maximum", "the norm is the greatest element") { _ in
          clipped(squares.greatest)
        },
        coefficient("clip-norm-is-absolute", "the norm is the sum of magnitudes") { _ in
          clipped(squares.absolute)
        },
      ]
    }
    let perTensor = StepHypothesis("clip-per-tensor") { _ in
      "each parameter is clipped by its own norm instead of that of all"
    }
    .with { by, facts in by.clipping.replace(by: clipped(facts.norm)) }
    let byValue = StepHypothesis("clip-by-value") { _ in
      "each element is clipped to ±\(number(limit)) instead of all by their norm"
    }
    .at(.clipping) { element, _ in max(-limit, min(limit, element.gradient)) }
    .at(.firstMoment) { element, by in by.firstMoment(clampedTo(limit, element)) }
    .at(.secondMoment) { element, by in by.secondMoment(clampedTo(limit, element)) }
    .at(.momentum) { element, by in by.momentum(clampedTo(limit, element)) }
    return known + (others ?? []) + [perTensor, byValue]
  }

  private static func clampedTo(_ limit: Double, _ element: StepElement) -> StepElement {
    var copy = element
    copy.clipped = element.clipped ?? max(-limit, min(limit, element.gradient))
    return copy
  }

  // MARK: Settings of others

  /// Learning rates and decays of the other groups, and the learning rate of the step before.
  private static func neighbours(_ context: StepContext) -> [StepHypothesis] {
    let groups = context.description.groups
    var found: [StepHypothesis] = []
    for (index, group) in groups.enumerated() where groups.count > 1 {
      let (lr, decay) = (group.settings.lr, group.settings.weightDecay)
      found += [
        StepHypothesis("lr-of-another-group") {
          "the learning rate is that of group \(index) (\(number(lr)) instead of \(number($0.settings.lr)))"
        }
        .settings { $0.lr = lr },
        StepHypothesis("decay-of-another-group") {
          "decay is that of group \(index) (\(number(decay)) instead of \(number($0.settings.weightDecay)))"
        }
        .settings { $0.weightDecay = decay },
        StepHypothesis("settings-of-another-group") {
          "learning rate and decay are those of group \(index) (\(number(lr)) and \(number(decay)) instead of \(number($0.settings.lr)) and \(number($0.settings.weightDecay)))"
        }
        .settings { ($0.lr, $0.weightDecay) = (lr, decay) },
      ]
    }
    if context.index > 0, let before = context.source.steps[context.index - 1].groups.first?.settings.lr {
      found.append(
        StepHypothesis("lr-of-previous-step") {
          "the learning rate is that of the step before (\(number(before)) instead of \(number($0.settings.lr)))"
        }
        .settings { $0.lr = before })
    }
    return found
  }
}

extension Clipping {
  /// Multiplies by another coefficient.
  mutating func replace(by coefficient: Double) {
    self.coefficient = coefficient
    isExact = coefficient == 1
  }
}
