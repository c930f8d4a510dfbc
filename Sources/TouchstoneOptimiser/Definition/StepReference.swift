import TouchstoneModel

/// The steps of a source, taken by the definition in float64, from its first parameters and all its gradients (OPT-1).
public struct StepReference {
  private let source: any StepSource

  /// Takes gradients, settings and what the first step begins with from `source`.
  public init(_ source: some StepSource) { self.source = source }

  /// What one parameter is between two steps.
  private struct State {
    var theta: [Double]
    var firstMoment: [Double]
    var secondMoment: [Double]
    var momentum: [Double]?
  }

  /// Takes every step, each from what the one before it has left.
  ///
  /// - Parameters:
  ///   - begin: is handed each step, its norm that of the gradients, before its tensors.
  ///   - record: is handed what the step reads and makes.
  /// - Throws: `BadInput` where something that a step reads is not recorded, or what `begin` and `record` throw.
  public func run(
    begin: (StepDescription) throws(BadInput) -> Void,
    record: (StepQuantity, String, StepDescription, Tensor<Double>) throws(BadInput) -> Void
  ) throws(BadInput) {
    var states: [String: State] = [:]
    for index in source.steps.indices {
      var step = source.steps[index]
      if step.clipNorm != nil, !step.isPartial { step.norm = try norm(index) }
      try begin(step)
      for name in step.parameters {
        let continues = step.follows && states[name] != nil
        let state: State
        if let left = states[name], continues { state = left } else { state = try first(name, index) }
        let parameter = try taken(name, index, step, state)
        let shape = parameter.shape
        func write(_ quantity: StepQuantity, _ values: [Double]) throws(BadInput) {
          try record(quantity, name, step, Tensor(values, shape: shape))
        }
        try write(.gradient, parameter.gradient)
        if let clipped = parameter.clipped { try write(.clipped, clipped) }
        let settings = step.settings(of: name)
        if !continues {
          try write(.thetaBefore, state.theta)
          if settings.kind == .adamw {
            try write(.firstMomentBefore, state.firstMoment)
            try write(.secondMomentBefore, state.secondMoment)
          } else if settings.keepsMomentum, let momentum = state.momentum {
            try write(.momentumBefore, momentum)
          }
        }
        if settings.kind == .adamw {
          try write(.firstMoment, parameter.state.firstMoment)
          try write(.secondMoment, parameter.state.secondMoment)
        } else if settings.keepsMomentum, let momentum = parameter.state.momentum {
          try write(.momentum, momentum)
        }
        try write(.theta, parameter.state.theta)
        states[name] = parameter.state
      }
    }
  }

  private func norm(_ index: Int) throws(BadInput) -> Double {
    var squares = SumOfSquares()
    for name in source.steps[index].parameters { squares.add(try gradient(name, index).values) }
    return squares.norm
  }

  private func gradient(_ name: String, _ index: Int) throws(BadInput) -> Tensor<Double> {
    guard let gradient = try source.tensor(.gradient, of: name, in: index) else {
      throw missing(.gradient, name, index)
    }
    return gradient
  }

  private func missing(_ quantity: StepQuantity, _ name: String, _ index: Int) -> BadInput {
    BadInput(
      place: source.steps[index].path(quantity, of: name), problem: "is not recorded",
      remedy: "store what the step reads of every parameter")
  }

  /// What a parameter is before the first step that is recorded of it.
  private func first(_ name: String, _ index: Int) throws(BadInput) -> State {
    func before(_ quantity: StepQuantity) throws(BadInput) -> [Double]? {
      try Self.before(source, quantity, name, index)
    }
    guard let theta = try before(.thetaBefore) else { throw missing(.thetaBefore, name, index) }
    let settings = source.steps[index].settings(of: name)
    let zeros = settings.t == 1 ? [Double](repeating: 0, count: theta.count) : nil
    var state = State(theta: theta, firstMoment: [], secondMoment: [], momentum: nil)
    if settings.kind == .adamw {
      guard let first = try before(.firstMomentBefore) ?? zeros else {
        throw missing(.firstMomentBefore, name, index)
      }
      guard let second = try before(.secondMomentBefore) ?? zeros else {
        throw missing(.secondMomentBefore, name, index)
      }
      (state.firstMoment, state.secondMoment) = (first, second)
    } else if settings.keepsMomentum {
      state.momentum = try before(.momentumBefore)
      if state.momentum == nil, settings.t > 1 { throw missing(.momentumBefore, name, index) }
    }
    return state
  }

  private static func before(
    _ source: some StepSource, _ quantity: StepQuantity, _ name: String, _ index: Int
  ) throws(BadInput) -> [Double]? {
    try source.before(quantity, of: name, in: index)?.values
  }

  /// One step of one parameter.
  private func taken(
    _ name: String, _ index: Int, _ step: StepDescription, _ state: State
  ) throws(BadInput) -> (shape: [Int], gradient: [Double], clipped: [Double]?, state: State) {
    let gradient = try gradient(name, index)
    let settings = step.settings(of: name)
    guard gradient.count == state.theta.count,
      settings.kind == .sgd
        || [state.firstMoment.count, state.secondMoment.count] == [gradient.count, gradient.count]
    else {
      throw BadInput(
        place: step.path(.gradient, of: name),
        problem: "has the shape \(gradient.shape), and other values of the parameter have another",
        remedy: "store everything of a parameter in its own shape")
    }
    var clipping = Clipping.none
    if let limit = step.clipNorm {
      guard let norm = step.norm else {
        throw BadInput(
          place: step.place + "/grad_norm", problem: "is not recorded, and not all parameters are",
          remedy: "store the norm, or all parameters")
      }
      clipping = Clipping(norm: norm, limit: limit, epsilon: step.clipEpsilon, unit: 0)
    }
    let by = StepArithmetic(settings, lossScale: step.lossScale, clipping: clipping)
    var (clipped, next) = ([Double](), state)
    let keeps = settings.keepsMomentum
    if keeps { next.momentum = state.theta }
    for place in gradient.values.indices {
      var element = StepElement(gradient: gradient.values[place], thetaBefore: state.theta[place])
      let value = by.value(.clipping, element)
      element.clipped = value
      clipped.append(value)
      if settings.kind == .adamw {
        element.firstMomentBefore = state.firstMoment[place]
        element.secondMomentBefore = state.secondMoment[place]
        element.firstMoment = by.firstMoment(element)
        element.secondMoment = by.secondMoment(element)
        next.firstMoment[place] = element.firstMoment
        next.secondMoment[place] = element.secondMoment
      } else if keeps {
        element.momentumBefore = state.momentum?[place]
        element.momentum = by.momentum(element)
        next.momentum?[place] = element.momentum
      }
      next.theta[place] = by.value(.theta, element)
    }
    return (gradient.shape, gradient.values, step.clipNorm == nil ? nil : clipped, next)
  }
}
