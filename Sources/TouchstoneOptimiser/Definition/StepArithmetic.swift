import Foundation
import TouchstoneModel
import TouchstoneVerdict

/// One step of one parameter by the definition, in float64, element by element.
struct StepArithmetic: Sendable {
  /// The numbers of the step.
  var settings: StepSettings { didSet { prepare() } }
  /// By how much the loss was multiplied.
  var lossScale = 1.0
  /// What the gradient is multiplied by where it is clipped.
  var clipping: Clipping
  /// 1 − β₁ᵗ, by which m is divided.
  var correction1 = 1.0
  /// 1 − β₂ᵗ, by which v is divided.
  var correction2 = 1.0

  init(_ settings: StepSettings, lossScale: Double = 1, clipping: Clipping = .none) {
    (self.settings, self.lossScale, self.clipping) = (settings, lossScale, clipping)
    prepare()
  }

  private mutating func prepare() {
    guard settings.kind == .adamw else { return }
    correction1 = 1 - pow(settings.beta1, Double(settings.t))
    correction2 = 1 - pow(settings.beta2, Double(settings.t))
  }

  /// The value of a stage (OPT-4, OPT-6 to OPT-12).
  func value(_ stage: StepStage, _ element: StepElement) -> Double {
    switch stage {
    case .unscaling: element.accumulated / lossScale
    case .clipping: clipping.coefficient * element.gradient
    case .firstMoment: firstMoment(element)
    case .secondMoment: secondMoment(element)
    case .momentum: momentum(element)
    case .theta: settings.kind == .adamw ? adamW(element) : descended(element)
    case .handover, .accumulation, .norm: .nan
    }
  }

  /// The gradient that the optimiser reads.
  func gradient(_ element: StepElement) -> Double {
    element.clipped ?? clipping.coefficient * element.gradient
  }

  // MARK: AdamW

  /// m = β₁m + (1 − β₁)g.
  func firstMoment(_ element: StepElement) -> Double {
    settings.beta1 * element.firstMomentBefore + (1 - settings.beta1) * gradient(element)
  }

  /// v = β₂v + (1 − β₂)g².
  func secondMoment(_ element: StepElement) -> Double {
    let gradient = gradient(element)
    return settings.beta2 * element.secondMomentBefore + (1 - settings.beta2) * (gradient * gradient)
  }

  /// θ(1 − lr·λ) less the update.
  private func adamW(_ element: StepElement) -> Double {
    element.thetaBefore * (1 - settings.lr * settings.weightDecay)
      - settings.lr * direction(element.firstMoment, element.secondMoment)
  }

  /// m̂/(√v̂ + ε), ε where the settings have it.
  func direction(_ firstMoment: Double, _ secondMoment: Double) -> Double {
    firstMoment / correction1 / denominator(secondMoment)
  }

  /// What divides m̂; where ε is added before the correction, that too.
  func denominator(_ secondMoment: Double) -> Double {
    switch settings.epsilonPlacement {
    case .after: (secondMoment / correction2).squareRoot() + settings.epsilon
    case .before: (secondMoment.squareRoot() + settings.epsilon) / correction2.squareRoot()
    case .inside: (secondMoment / correction2 + settings.epsilon).squareRoot()
    }
  }

  // MARK: SGD

  /// g + λθ: decay is added to the gradient.
  func decayed(_ element: StepElement) -> Double {
    gradient(element) + settings.weightDecay * element.thetaBefore
  }

  /// b = μb + (1 − τ)d, and d where nothing was kept before.
  func momentum(_ element: StepElement) -> Double {
    guard let before = element.momentumBefore else { return decayed(element) }
    return settings.momentum * before + (1 - settings.dampening) * decayed(element)
  }

  /// What is taken away of the parameter, but for the learning rate.
  func descent(_ element: StepElement) -> Double {
    guard settings.keepsMomentum else { return decayed(element) }
    return settings.nesterov
      ? decayed(element) + settings.momentum * element.momentum : element.momentum
  }

  private func descended(_ element: StepElement) -> Double {
    element.thetaBefore - settings.lr * descent(element)
  }
}

/// What the gradients of a step are multiplied by, so that their norm does not exceed a limit.
struct Clipping: Sendable {
  /// min(1, limit/(norm + ε)).
  var coefficient: Double
  /// Whether the norm is so far below the limit that nothing is multiplied.
  var isExact: Bool
  /// The relative error of the norm, where the engine's own is not recorded.
  var error = 0.0

  static let none = Clipping(coefficient: 1, isExact: true)

  private init(coefficient: Double, isExact: Bool) {
    (self.coefficient, self.isExact) = (coefficient, isExact)
  }

  /// Clips to `limit` what has the norm `norm` (OPT-6).
  ///
  /// - Parameter unit: the unit roundoff of the engine.
  init(norm: Double, limit: Double, epsilon: Double, unit: Double, error: Double = 0) {
    let quotient = limit / (norm + epsilon)
    coefficient = min(1, quotient)
    self.error = error
    isExact = quotient > 1 + 8 * unit + error
    if isExact { self.error = 0 }
  }
}
