/// What AdamW may do otherwise, nothing of it read off the capture.
extension StepHypothesis {
  static let adamW: [StepHypothesis] =
    settingsOfAdamW + corrections + decays + moments + secondMoments + sources

  private static let settingsOfAdamW: [StepHypothesis] = [
    StepHypothesis("betas-exchanged") {
      let (first, second) = (number($0.settings.beta1), number($0.settings.beta2))
      return "β₁ and β₂ are exchanged (\(second) and \(first) instead of \(first) and \(second))"
    }
    .settings { ($0.beta1, $0.beta2) = ($0.beta2, $0.beta1) },
    StepHypothesis("epsilon-missing") { "ε is left out (0 instead of \(number($0.settings.epsilon)))" }
      .settings { $0.epsilon = 0 },
    placement(.after), placement(.before), placement(.inside),
    StepHypothesis("root-missing") { _ in "the root of v is not taken (v̂ + ε instead of √v̂ + ε)" }
      .at(.theta) { element, by in
        updated(element, by, element.firstMoment / by.correction1)(
          element.secondMoment / by.correction2 + by.settings.epsilon)
      },
    StepHypothesis("sign") { _ in "the update is added (+lr instead of −lr)" }
      .at(.theta) { element, by in
        2 * element.thetaBefore * (1 - by.settings.lr * by.settings.weightDecay) - by.value(.theta, element)
      },
    StepHypothesis("lr-twice") {
      "the learning rate is multiplied twice (\(number($0.settings.lr * $0.settings.lr)) instead of \(number($0.settings.lr)))"
    }
    .at(.theta) { element, by in
      let decay = by.settings.lr * by.settings.weightDecay
      return element.thetaBefore * (1 - decay)
        - by.settings.lr * by.settings.lr * by.direction(element.firstMoment, element.secondMoment)
    },
  ]

  private static func placement(_ placement: StepSettings.EpsilonPlacement) -> StepHypothesis {
    let formula: @Sendable (StepSettings.EpsilonPlacement) -> String = {
      switch $0 {
      case .after: "after the root and the correction, √v̂ + ε"
      case .before: "before the correction, √v + ε"
      case .inside: "inside the root, √(v̂ + ε)"
      }
    }
    return StepHypothesis("epsilon-" + placement.rawValue) {
      "ε is added \(formula(placement)), instead of \(formula($0.settings.epsilonPlacement))"
    }
    .settings { $0.epsilonPlacement = placement }
  }

  /// θ(1 − lr·λ) − lr·(numerator over what is given then).
  private static func updated(
    _ element: StepElement, _ by: StepArithmetic, _ numerator: Double
  ) -> (Double) -> Double {
    let kept = element.thetaBefore * (1 - by.settings.lr * by.settings.weightDecay)
    return { kept - by.settings.lr * numerator / $0 }
  }

  private static let corrections: [StepHypothesis] = [
    StepHypothesis("no-correction") {
      "bias correction is left out (m and v are divided by 1 instead of \(number($0.correction1)) and \(number($0.correction2)))"
    }
    .with { by, _ in (by.correction1, by.correction2) = (1, 1) },
    StepHypothesis("first-correction-missing") {
      "the bias correction of m is left out (divided by 1 instead of \(number($0.correction1)))"
    }
    .with { by, _ in by.correction1 = 1 },
    StepHypothesis("second-correction-missing") {
      "the bias correction of v is left out (divided by 1 instead of \(number($0.correction2)))"
    }
    .with { by, _ in by.correction2 = 1 },
    StepHypothesis("correction-not-rooted") {
      "the bias correction of v stands outside the root (√v is divided by \(number($0.correction2)) instead of \(number($0.correction2.squareRoot())))"
    }
    .with { by, _ in by.correction2 *= by.correction2 },
    StepHypothesis("corrections-exchanged") {
      "the bias corrections are exchanged (m is divided by \(number($0.correction2)) and v by \(number($0.correction1)))"
    }
    .with { by, _ in (by.correction1, by.correction2) = (by.correction2, by.correction1) },
    step("step-never-counted") { _ in 1 }, step("step-off-by-one") { $0 + 1 },
    step("step-off-by-one") { max(1, $0 - 1) },
  ]

  private static func step(_ id: String, _ t: @escaping @Sendable (Int) -> Int) -> StepHypothesis {
    StepHypothesis(id) { "t is \(t($0.settings.t)) instead of \($0.settings.t)" }.settings { $0.t = t($0.t) }
  }

  private static let decays: [StepHypothesis] = [
    StepHypothesis("decay-missing") { "decay is left out (0 instead of \(number($0.settings.weightDecay)))" }
      .settings { $0.weightDecay = 0 },
    StepHypothesis("decay-coupled") {
      "decay is added to the gradient (\(number($0.settings.weightDecay))·θ, coupled) instead of taken off the parameter"
    }
    .at(.firstMoment) { element, by in
      by.settings.beta1 * element.firstMomentBefore + (1 - by.settings.beta1) * by.decayed(element)
    }
    .at(.secondMoment) { element, by in
      let gradient = by.decayed(element)
      return by.settings.beta2 * element.secondMomentBefore + (1 - by.settings.beta2) * gradient * gradient
    }
    .at(.theta) { element, by in
      element.thetaBefore - by.settings.lr * by.direction(element.firstMoment, element.secondMoment)
    },
    decay(
      "decay-without-lr",
      "decay is not multiplied by the learning rate (θ is multiplied by 1 − λ instead of 1 − lr·λ)"
    ) {
      element, by in element.thetaBefore * (1 - by.settings.weightDecay)
    },
    decay("decay-sign", "decay has the other sign (θ is multiplied by 1 + lr·λ instead of 1 − lr·λ)") {
      element, by in element.thetaBefore * (1 + by.settings.lr * by.settings.weightDecay)
    },
    decay("decay-of-moment", "decay is of the moment (lr·λ·m is taken off instead of lr·λ·θ)") {
      element, by in
      element.thetaBefore - by.settings.lr * by.settings.weightDecay * element.firstMoment
    },
    StepHypothesis("decay-after-update") { _ in
      "decay is taken off after the update (of θ − lr·m̂/(√v̂ + ε) instead of θ)"
    }
    .at(.theta) { element, by in
      (element.thetaBefore - by.settings.lr * by.direction(element.firstMoment, element.secondMoment))
        * (1 - by.settings.lr * by.settings.weightDecay)
    },
  ]

  private static func decay(_ id: String, _ name: String, _ kept: @escaping Value) -> StepHypothesis {
    StepHypothesis(id) { _ in name }.at(.theta) { element, by in
      kept(element, by) - by.settings.lr * by.direction(element.firstMoment, element.secondMoment)
    }
  }

  private static let moments: [StepHypothesis] = [
    first("first-moment-undamped", "the gradient enters m whole (m = β₁m + g instead of β₁m + (1 − β₁)g)") {
      $1.settings.beta1 * $0.firstMomentBefore + $1.gradient($0)
    },
    first("first-moment-reset", "m is not kept from the step before (m = (1 − β₁)g)") {
      (1 - $1.settings.beta1) * $1.gradient($0)
    },
    first("stale-first-moment", "m is not updated") { element, _ in element.firstMomentBefore },
    first("gradient-for-moment", "m is the gradient itself") { $1.gradient($0) },
    first("first-moment-shares-exchanged", "β₁ and 1 − β₁ are exchanged (m = (1 − β₁)m + β₁g)") {
      (1 - $1.settings.beta1) * $0.firstMomentBefore + $1.settings.beta1 * $1.gradient($0)
    },
    StepHypothesis("moments-not-kept") { _ in
      "neither moment is kept from the step before (m = (1 − β₁)g, v = (1 − β₂)g²)"
    }
    .at(.firstMoment) { element, by in (1 - by.settings.beta1) * by.gradient(element) }
    .at(.secondMoment) { element, by in (1 - by.settings.beta2) * square(element, by) },
    StepHypothesis("moments-stale") { _ in "neither moment is updated" }
      .at(.firstMoment) { element, _ in element.firstMomentBefore }
      .at(.secondMoment) { element, _ in element.secondMomentBefore },
    StepHypothesis("moments-undamped") { _ in "the gradient enters both moments whole (without 1 − β)" }
      .at(.firstMoment) { element, by in by.settings.beta1 * element.firstMomentBefore + by.gradient(element)
      }
      .at(.secondMoment) { element, by in by.settings.beta2 * element.secondMomentBefore + square(element, by)
      },
  ]

  private static func square(_ element: StepElement, _ by: StepArithmetic) -> Double {
    let gradient = by.gradient(element)
    return gradient * gradient
  }

  private static func first(_ id: String, _ name: String, _ value: @escaping Value) -> StepHypothesis {
    StepHypothesis(id) { _ in name }.at(.firstMoment, value)
  }

  private static let secondMoments: [StepHypothesis] = [
    second(
      "second-moment-not-squared", "v is of the gradient's size instead of its square (v = β₂v + (1 − β₂)|g|)"
    ) {
      kept($0, $1) + (1 - $1.settings.beta2) * abs($1.gradient($0))
    },
    second("second-moment-not-squared", "v is of the gradient instead of its square (v = β₂v + (1 − β₂)g)") {
      kept($0, $1) + (1 - $1.settings.beta2) * $1.gradient($0)
    },
    second("second-moment-of-updated-m", "v is of the first moment's square (v = β₂v + (1 − β₂)m²)") {
      kept($0, $1) + (1 - $1.settings.beta2) * $0.firstMoment * $0.firstMoment
    },
    second(
      "second-moment-of-deviation", "v is of the gradient's deviation from m (v = β₂v + (1 − β₂)(g − m)²)"
    ) {
      let deviation = $1.gradient($0) - $0.firstMoment
      return kept($0, $1) + (1 - $1.settings.beta2) * deviation * deviation
    },
    second("second-moment-of-maximum", "v never falls (the greater of v before and after)") {
      max($0.secondMomentBefore, $1.secondMoment($0))
    },
    second("second-moment-of-maximum", "v is a maximum (of β₂v and |g|)") {
      max(kept($0, $1), abs($1.gradient($0)))
    },
    second("second-moment-of-maximum", "v is a maximum (of β₂v and g²)") {
      max(kept($0, $1), square($0, $1))
    },
    second("second-moment-undamped", "the square enters v whole (v = β₂v + g² instead of β₂v + (1 − β₂)g²)") {
      kept($0, $1) + square($0, $1)
    },
    second("second-moment-reset", "v is not kept from the step before (v = (1 − β₂)g²)") {
      (1 - $1.settings.beta2) * square($0, $1)
    },
    second("stale-second-moment", "v is not updated") { element, _ in element.secondMomentBefore },
    second("second-moment-is-square", "v is the gradient's square itself") { square($0, $1) },
  ]

  private static func kept(_ element: StepElement, _ by: StepArithmetic) -> Double {
    by.settings.beta2 * element.secondMomentBefore
  }

  private static func second(_ id: String, _ name: String, _ value: @escaping Value) -> StepHypothesis {
    StepHypothesis(id) { _ in name }.at(.secondMoment, value)
  }

  /// What the update is made of.
  private static let sources: [StepHypothesis] = [
    source("stale-first-moment", "the update is made of m before the step") {
      element, _ in (element.firstMomentBefore, element.secondMoment)
    },
    source("stale-second-moment", "the update is divided by the root of v before the step") {
      element, _ in (element.firstMoment, element.secondMomentBefore)
    },
    source("moments-stale", "the update is made of both moments before the step") {
      element, _ in (element.firstMomentBefore, element.secondMomentBefore)
    },
    source("gradient-for-moment", "the update is made of the gradient instead of m") {
      ($1.gradient($0), $0.secondMoment)
    },
    source("nesterov", "the update looks ahead (of β₁m + (1 − β₁)g instead of m)") {
      ($1.settings.beta1 * $0.firstMoment + (1 - $1.settings.beta1) * $1.gradient($0), $0.secondMoment)
    },
    source(
      "second-moment-of-maximum",
      "the update is divided by the root of the greater v, before or after the step"
    ) {
      element, _ in (element.firstMoment, max(element.secondMomentBefore, element.secondMoment))
    },
    StepHypothesis("nesterov") { by in
      "the update looks ahead (of β₁m/(1 − β₁^(t+1)) + (1 − β₁)g/(1 − β₁^t) instead of m/(1 − β₁^t))"
    }
    .at(.theta) { element, by in
      let (share, now) = (by.settings.beta1, by.correction1)
      let next = 1 - share * (1 - now)
      let numerator = share * element.firstMoment / next + (1 - share) * by.gradient(element) / now
      return updated(element, by, numerator)(by.denominator(element.secondMoment))
    },
  ]

  private static func source(
    _ id: String, _ name: String,
    _ moments: @escaping @Sendable (StepElement, StepArithmetic) -> (Double, Double)
  ) -> StepHypothesis {
    StepHypothesis(id) { _ in name }.at(.theta) { element, by in
      let (first, second) = moments(element, by)
      return element.thetaBefore * (1 - by.settings.lr * by.settings.weightDecay)
        - by.settings.lr * by.direction(first, second)
    }
  }
}
