/// What gradient descent may do otherwise, nothing of it read off the capture.
extension StepHypothesis {
  static let sgd: [StepHypothesis] = [
    StepHypothesis("sign") { _ in "the update is added (+lr instead of −lr)" }
      .at(.theta) { element, by in 2 * element.thetaBefore - by.value(.theta, element) },
    StepHypothesis("lr-twice") {
      "the learning rate is multiplied twice (\(number($0.settings.lr * $0.settings.lr)) instead of \(number($0.settings.lr)))"
    }
    .settings { $0.lr *= $0.lr },
    StepHypothesis("decay-missing") { "decay is left out (0 instead of \(number($0.settings.weightDecay)))" }
      .settings { $0.weightDecay = 0 },
    StepHypothesis("decay-decoupled") {
      "decay is taken off the parameter instead of added to the gradient (\(number($0.settings.weightDecay))·θ)"
    }
    .at(.momentum) { element, by in buffer(element, by, by.gradient(element)) }
    .at(.theta) { element, by in
      let gradient = by.gradient(element)
      let descent =
        !by.settings.keepsMomentum
        ? gradient
        : by.settings.nesterov ? gradient + by.settings.momentum * element.momentum : element.momentum
      return element.thetaBefore * (1 - by.settings.lr * by.settings.weightDecay) - by.settings.lr * descent
    },
    StepHypothesis("decay-sign") { _ in "decay has the other sign (−λθ is added to the gradient)" }
      .settings { $0.weightDecay = -$0.weightDecay },
    StepHypothesis("dampening-missing") {
      "dampening is left out (0 instead of \(number($0.settings.dampening)))"
    }
    .settings { $0.dampening = 0 },
    StepHypothesis("dampening-is-momentum") {
      "the gradient is damped by the momentum (multiplied by \(number(1 - $0.settings.momentum)) instead of \(number(1 - $0.settings.dampening)))"
    }
    .at(.momentum) { element, by in
      by.settings.momentum * (element.momentumBefore ?? 0) + (1 - by.settings.momentum) * by.decayed(element)
    },
    StepHypothesis("first-step-damped") { _ in "the first step's gradient is damped too" }
      .at(.momentum) { element, by in
        by.settings.momentum * (element.momentumBefore ?? 0) + (1 - by.settings.dampening)
          * by.decayed(element)
      },
    StepHypothesis("nesterov") {
      $0.settings.nesterov
        ? "the step does not look ahead (of b instead of d + μb)"
        : "the step looks ahead (of d + μb instead of b)"
    }
    .settings { $0.nesterov.toggle() },
    StepHypothesis("momentum-missing") { _ in "the update is made of the gradient instead of the momentum" }
      .at(.theta) { element, by in element.thetaBefore - by.settings.lr * by.decayed(element) },
    StepHypothesis("momentum-reset") { _ in "the momentum is not kept from the step before" }
      .at(.momentum) { element, by in (1 - by.settings.dampening) * by.decayed(element) },
    StepHypothesis("stale-momentum") { _ in "the momentum is not updated" }
      .at(.momentum) { element, _ in element.momentumBefore ?? 0 },
    StepHypothesis("stale-momentum") { _ in "the update is made of the momentum before the step" }
      .at(.theta) { element, by in element.thetaBefore - by.settings.lr * (element.momentumBefore ?? 0) },
    StepHypothesis("lr-in-momentum") { _ in
      "the learning rate stands in the momentum (b = μb + lr·d, θ − b instead of b = μb + d, θ − lr·b)"
    }
    .at(.momentum) { element, by in buffer(element, by, by.settings.lr * by.decayed(element)) }
    .at(.theta) { element, by in element.thetaBefore - element.momentum },
  ]

  private static func buffer(_ element: StepElement, _ by: StepArithmetic, _ gradient: Double) -> Double {
    guard let before = element.momentumBefore else { return gradient }
    return by.settings.momentum * before + (1 - by.settings.dampening) * gradient
  }
}
