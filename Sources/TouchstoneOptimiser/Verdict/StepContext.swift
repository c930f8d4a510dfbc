import TouchstoneModel
import TouchstoneVerdict

/// One step of a source, with what all its parameters have in common.
struct StepContext: Sendable {
  let source: any StepSource
  let index: Int
  let rounding: Rounding
  let bound: StepBound
  /// Σg² over all parameters; nil where a gradient is not recorded or not all parameters are.
  let squares: SumOfSquares?
  /// How the gradients are clipped; nil where no norm is known.
  let clipping: Clipping?

  var description: StepDescription { source.steps[index] }

  init(_ source: any StepSource, _ index: Int) throws(BadInput) {
    let (step, rounding) = (source.steps[index], Rounding(source.precision))
    self.source = source
    self.index = index
    self.rounding = rounding
    bound = StepBound(rounding)
    let needsNorm = (step.clipNorm != nil || step.norm != nil) && !step.isPartial
    squares = needsNorm ? try Self.squares(source, index, rounding) : nil
    guard let limit = step.clipNorm else {
      clipping = Clipping.none
      return
    }
    if let norm = step.norm {
      clipping = Clipping(norm: norm, limit: limit, epsilon: step.clipEpsilon, unit: rounding.unit)
    } else {
      clipping = squares.map {
        Clipping(
          norm: $0.norm, limit: limit, epsilon: step.clipEpsilon, unit: rounding.unit,
          error: $0.relativeError(rounding).stat)
      }
    }
  }

  private static func squares(
    _ source: any StepSource, _ index: Int, _ rounding: Rounding
  ) throws(BadInput) -> SumOfSquares? {
    var squares = SumOfSquares()
    for name in source.steps[index].parameters {
      guard let gradient = try source.tensor(.gradient, of: name, in: index) else { return nil }
      squares.add(gradient.values)
    }
    for name in source.steps[index].parameters {
      if let gradient = try source.tensor(.gradient, of: name, in: index) {
        squares.count(gradient.values, rounding)
      }
    }
    return squares
  }

  /// The definition for a parameter.
  func arithmetic(_ parameter: String, rounded: Bool = false) -> StepArithmetic {
    let settings = description.settings(of: parameter)
    return StepArithmetic(
      rounded ? settings.rounded : settings, lossScale: description.lossScale,
      clipping: clipping ?? .none)
  }

  /// Reads a parameter.
  func parameter(_ name: String) throws(BadInput) -> ParameterStep {
    try Self.read(name, index, source)
  }

  private static func read(
    _ name: String, _ index: Int, _ source: some StepSource
  ) throws(BadInput) -> ParameterStep {
    try ParameterStep(name, in: index, of: source)
  }
}
