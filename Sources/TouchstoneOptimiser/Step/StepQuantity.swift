/// What a step reads of a parameter, and what it makes.
public enum StepQuantity: String, Sendable, CaseIterable {
  /// The sum of the micro-batches' gradients, scaled as the loss was.
  case accumulated
  /// The gradient: accumulated, no longer scaled, not yet clipped.
  case gradient = "grad"
  /// The gradient after clipping, which the optimiser reads.
  case clipped
  /// AdamW's first moment before the step.
  case firstMomentBefore = "m_before"
  /// AdamW's second moment before the step.
  case secondMomentBefore = "v_before"
  /// SGD's momentum before the step.
  case momentumBefore = "b_before"
  /// The parameter before the step.
  case thetaBefore = "theta_before"
  /// AdamW's first moment.
  case firstMoment = "m"
  /// AdamW's second moment.
  case secondMoment = "v"
  /// SGD's momentum.
  case momentum = "b"
  /// The parameter.
  case theta

  /// What the step leaves where it found this; nil for what no step leaves.
  public var after: StepQuantity? {
    switch self {
    case .firstMomentBefore: .firstMoment
    case .secondMomentBefore: .secondMoment
    case .momentumBefore: .momentum
    case .thetaBefore: .theta
    default: nil
    }
  }

  /// What a person calls it.
  var title: String {
    switch self {
    case .accumulated: "the accumulated gradient"
    case .gradient: "the gradient"
    case .clipped: "the clipped gradient"
    case .firstMomentBefore, .firstMoment: "the first moment"
    case .secondMomentBefore, .secondMoment: "the second moment"
    case .momentumBefore, .momentum: "the momentum"
    case .thetaBefore, .theta: "the parameter"
    }
  }
}
