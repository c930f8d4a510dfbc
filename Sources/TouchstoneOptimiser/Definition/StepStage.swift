/// What of a step is judged, in the order in which it is computed.
public enum StepStage: String, Sendable, CaseIterable, Comparable {
  /// What a step begins with is what the one before it has left.
  case handover
  /// The gradients of micro-batches are added.
  case accumulation
  /// The gradient is divided by the loss scale.
  case unscaling
  /// The norm of all gradients together.
  case norm
  /// The gradient is clipped by that norm.
  case clipping
  /// AdamW's first moment.
  case firstMoment
  /// AdamW's second moment.
  case secondMoment
  /// SGD's momentum.
  case momentum
  /// The parameter itself.
  case theta

  /// The earlier stage is the lesser.
  public static func < (left: StepStage, right: StepStage) -> Bool { left.rank < right.rank }

  private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

  /// The stages in which each element follows from the elements beside it.
  static let elementwise: [StepStage] = [
    .unscaling, .clipping, .firstMoment, .secondMoment, .momentum, .theta,
  ]

  /// What the stage makes of a parameter; nil where that is not one thing.
  var quantity: StepQuantity? {
    switch self {
    case .handover, .norm: nil
    case .accumulation: .accumulated
    case .unscaling: .gradient
    case .clipping: .clipped
    case .firstMoment: .firstMoment
    case .secondMoment: .secondMoment
    case .momentum: .momentum
    case .theta: .theta
    }
  }

  /// What a person calls it.
  public var title: String {
    switch self {
    case .handover: "handing on"
    case .accumulation: "accumulation"
    case .unscaling: "unscaling"
    case .norm: "global norm"
    case .clipping: "clipping"
    case .firstMoment: "first moment"
    case .secondMoment: "second moment"
    case .momentum: "momentum"
    case .theta: "parameter"
    }
  }
}
