import TouchstoneModel
import TouchstoneVerdict

/// How far rounding can take each element of a step (OPT-13 to OPT-18).
struct StepBound: Sendable {
  private let unit: Double
  private let underflow: Double
  /// A float64 engine is judged by arithmetic that is no better.
  private let factor: Double

  init(_ rounding: Rounding) {
    unit = rounding.unit
    underflow = rounding.underflow
    factor = rounding.judgesFactor
  }

  /// The bound of a stage, for the element `y` that the definition gives.
  func value(_ stage: StepStage, _ element: StepElement, _ by: StepArithmetic, _ y: Double) -> Double {
    let bound =
      switch stage {
      case .unscaling: unscaled(by, y)
      case .clipping: clipped(by, y)
      case .firstMoment: firstMoment(element, by, y)
      case .secondMoment: secondMoment(element, by, y)
      case .momentum: momentum(element, by, y)
      case .theta: by.settings.kind == .adamw ? adamW(element, by, y) : descended(element, by, y)
      case .handover, .accumulation, .norm: 0.0
      }
    return factor * bound
  }

  /// A division by a power of two is exact; by another number it may be a product with its rounded inverse.
  private func unscaled(_ by: StepArithmetic, _ y: Double) -> Double {
    if by.lossScale == 1 { return 0 }
    return by.lossScale.significand == 1 ? underflow : 2 * unit * abs(y) + underflow
  }

  /// Nothing is multiplied where the norm is below its limit.
  private func clipped(_ by: StepArithmetic, _ y: Double) -> Double {
    if by.clipping.isExact { return 0 }
    return (5 * unit + by.clipping.error) * abs(y) + underflow
  }

  /// What the gradient may be off by that is clipped and not recorded.
  private func hiddenClipping(_ element: StepElement, _ by: StepArithmetic) -> Double {
    guard element.clipped == nil, !by.clipping.isExact else { return 0 }
    return 5 * unit + by.clipping.error
  }

  /// Both forms are granted: β₁m + (1 − β₁)g, and m + (1 − β₁)(g − m).
  private func firstMoment(_ element: StepElement, _ by: StepArithmetic, _ y: Double) -> Double {
    let (kept, rest) = (by.settings.beta1, 1 - by.settings.beta1)
    let (old, gradient) = (abs(element.firstMomentBefore), abs(by.gradient(element)))
    return 2 * unit * (kept * old + rest * gradient) + unit * rest * (gradient + old) + unit * abs(y)
      + hiddenClipping(element, by) * rest * gradient + 3 * underflow
  }

  private func secondMoment(_ element: StepElement, _ by: StepArithmetic, _ y: Double) -> Double {
    let (kept, rest) = (by.settings.beta2, 1 - by.settings.beta2)
    let gradient = by.gradient(element)
    let (old, square) = (abs(element.secondMomentBefore), gradient * gradient)
    return 3 * unit * kept * old + 4 * unit * rest * square + unit * rest * (old + square) + unit * abs(y)
      + 2.5 * hiddenClipping(element, by) * rest * square + 3 * underflow
  }

  /// The update from the engine's own moments; 1 − βᵗ may be made of float32 powers, or of t products.
  private func adamW(_ element: StepElement, _ by: StepArithmetic, _ y: Double) -> Double {
    let settings = by.settings
    func correction(_ share: Double) -> Double {
      (Double(settings.t) + 3) * unit * (1 - share) / share + 2 * unit
    }
    let update = settings.lr * by.direction(element.firstMoment, element.secondMoment)
    let denominator = by.denominator(element.secondMoment)
    let relative =
      9 * unit + correction(by.correction1) + correction(by.correction2) / 2
      + 2 * underflow.squareRoot() / denominator
    let decay =
      settings.weightDecay == 0
      ? 0 : unit * abs(element.thetaBefore) * (2 + 3 * settings.lr * settings.weightDecay)
    return abs(update) * relative + unit * abs(y) + decay + underflow
  }

  /// What g + λθ may be off by.
  private func decayed(_ element: StepElement, _ by: StepArithmetic) -> Double {
    let ofGradient = hiddenClipping(element, by) * abs(by.gradient(element))
    guard by.settings.weightDecay != 0 else { return ofGradient }
    return ofGradient + 2 * unit * by.settings.weightDecay * abs(element.thetaBefore)
      + unit * abs(by.decayed(element)) + underflow
  }

  private func momentum(_ element: StepElement, _ by: StepArithmetic, _ y: Double) -> Double {
    guard let before = element.momentumBefore else { return decayed(element, by) }
    let rest = abs(1 - by.settings.dampening)
    return 2 * unit * by.settings.momentum * abs(before) + rest * decayed(element, by)
      + 2 * unit * rest * abs(by.decayed(element)) + unit * abs(y) + 3 * underflow
  }

  private func descended(_ element: StepElement, _ by: StepArithmetic, _ y: Double) -> Double {
    let settings = by.settings
    let descent = by.descent(element)
    var error = settings.keepsMomentum && !settings.nesterov ? 0 : decayed(element, by)
    if settings.keepsMomentum, settings.nesterov {
      error += 2 * unit * settings.momentum * abs(element.momentum) + unit * abs(descent)
    }
    return settings.lr * (error + 2 * unit * abs(descent)) + unit * abs(y) + underflow
  }
}
