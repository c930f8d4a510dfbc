import TouchstoneModel

/// All that is recorded of one parameter in one step.
struct ParameterStep: Sendable {
  let name: String
  let shape: [Int]
  /// What the step read; the moments before the first step are 0.
  private let accumulated: [Double]?
  private let gradient: [Double]?
  private let clipped: [Double]?
  private let firstMomentBefore: [Double]?
  private let secondMomentBefore: [Double]?
  private let momentumBefore: [Double]?
  private let thetaBefore: [Double]?
  /// What it left.
  private let firstMoment: [Double]?
  private let secondMoment: [Double]?
  private let momentum: [Double]?
  private let theta: [Double]?
  private let isFirst: Bool

  /// Reads a parameter.
  ///
  /// - Throws: `BadInput` where the tensors of a parameter are not of one shape.
  init(_ name: String, in step: Int, of source: some StepSource) throws(BadInput) {
    let description = source.steps[step]
    var shape: [Int]?
    func values(_ quantity: StepQuantity) throws(BadInput) -> [Double]? {
      let tensor =
        quantity.after == nil
        ? try source.tensor(quantity, of: name, in: step) : try source.before(quantity, of: name, in: step)
      guard let tensor else { return nil }
      guard shape == nil || shape == tensor.shape else {
        throw BadInput(
          place: description.path(quantity, of: name),
          problem: "has the shape \(tensor.shape), and other values of the parameter have \(shape ?? [])",
          remedy: "store everything of a parameter in its own shape")
      }
      shape = tensor.shape
      return tensor.values
    }
    self.name = name
    accumulated = try values(.accumulated)
    gradient = try values(.gradient)
    clipped = try values(.clipped)
    thetaBefore = try values(.thetaBefore)
    firstMomentBefore = try values(.firstMomentBefore)
    secondMomentBefore = try values(.secondMomentBefore)
    momentumBefore = try values(.momentumBefore)
    firstMoment = try values(.firstMoment)
    secondMoment = try values(.secondMoment)
    momentum = try values(.momentum)
    theta = try values(.theta)
    self.shape = shape ?? []
    isFirst = description.settings(of: name).t == 1
  }

  /// The number of elements.
  var count: Int { shape.reduce(1, *) }

  /// What a stage made; nil where it is not recorded.
  func made(_ stage: StepStage) -> [Double]? {
    switch stage {
    case .accumulation: accumulated
    case .unscaling: gradient
    case .clipping: clipped
    case .firstMoment: firstMoment
    case .secondMoment: secondMoment
    case .momentum: momentum
    case .theta: theta
    case .handover, .norm: nil
    }
  }

  /// One element with all that is beside it.
  func element(_ index: Int, clips: Bool) -> StepElement {
    StepElement(
      accumulated: accumulated?[index] ?? .nan, gradient: gradient?[index] ?? .nan,
      clipped: clipped?[index] ?? (clips ? nil : gradient?[index]),
      firstMomentBefore: firstMomentBefore?[index] ?? (isFirst ? 0 : .nan),
      secondMomentBefore: secondMomentBefore?[index] ?? (isFirst ? 0 : .nan),
      momentumBefore: momentumBefore?[index] ?? (isFirst ? nil : .nan),
      thetaBefore: thetaBefore?[index] ?? .nan,
      firstMoment: firstMoment?[index] ?? .nan, secondMoment: secondMoment?[index] ?? .nan,
      momentum: momentum?[index] ?? .nan)
  }

  /// What a stage would have to read and is not recorded, in a person's words; nil where all is there.
  func missing(_ stage: StepStage, _ settings: StepSettings) -> String? {
    let gradient = self.gradient != nil || clipped != nil
    let due: [(Bool, StepQuantity)] =
      switch stage {
      case .unscaling: [(accumulated != nil, .accumulated)]
      case .clipping: [(self.gradient != nil, .gradient)]
      case .firstMoment: [(gradient, .gradient), (firstMomentBefore != nil || isFirst, .firstMomentBefore)]
      case .secondMoment:
        [(gradient, .gradient), (secondMomentBefore != nil || isFirst, .secondMomentBefore)]
      case .momentum:
        [(gradient, .gradient), (momentumBefore != nil || isFirst, .momentumBefore)]
          + (settings.weightDecay == 0 ? [] : [(thetaBefore != nil, .thetaBefore)])
      case .theta:
        [(thetaBefore != nil, .thetaBefore)] + readByTheta(settings, gradient)
      case .handover, .accumulation, .norm: []
      }
    return due.first { !$0.0 }?.1.rawValue
  }

  /// What the parameter follows from besides itself: of AdamW, the moments that the step has left.
  private func readByTheta(_ settings: StepSettings, _ gradient: Bool) -> [(Bool, StepQuantity)] {
    if settings.kind == .adamw {
      return [(firstMoment != nil, .firstMoment), (secondMoment != nil, .secondMoment)]
    }
    let momentum = (self.momentum != nil, StepQuantity.momentum)
    let ofGradient = (gradient, StepQuantity.gradient)
    return settings.keepsMomentum ? settings.nesterov ? [momentum, ofGradient] : [momentum] : [ofGradient]
  }
}
