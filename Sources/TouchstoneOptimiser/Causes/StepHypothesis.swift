import TouchstoneModel
import TouchstoneVerdict

/// One thing that a step may do otherwise than the definition.
struct StepHypothesis: Sendable {
  typealias Value = @Sendable (StepElement, StepArithmetic) -> Double

  /// What of a parameter a hypothesis may go by.
  struct Facts: Sendable {
    /// √Σg² of the parameter alone.
    let norm: Double
  }

  /// A stable name.
  let id: String
  /// What is done otherwise, in a sentence about the numbers of a parameter.
  let name: @Sendable (StepArithmetic) -> String
  /// How many digits were read off the capture; 0 where nothing was.
  var digits = 0
  /// The numbers that are others.
  var change: @Sendable (inout StepArithmetic, Facts) -> Void = { _, _ in }
  /// The stages that compute otherwise.
  var values: [StepStage: Value] = [:]
  /// The narrower type in which what a stage makes is stored.
  var storage: ScalarType?

  init(_ id: String, _ name: @escaping @Sendable (StepArithmetic) -> String) {
    (self.id, self.name) = (id, name)
  }

  /// The same with other numbers in the definition.
  func with(_ change: @escaping @Sendable (inout StepArithmetic, Facts) -> Void) -> StepHypothesis {
    var copy = self
    copy.change = change
    return copy
  }

  /// The same with other settings of the step.
  func settings(_ change: @escaping @Sendable (inout StepSettings) -> Void) -> StepHypothesis {
    with { arithmetic, _ in change(&arithmetic.settings) }
  }

  /// The same with a stage that computes otherwise.
  func at(_ stage: StepStage, _ value: @escaping Value) -> StepHypothesis {
    var copy = self
    copy.values[stage] = value
    return copy
  }

  /// The same, of which so many digits were read off.
  func read(digits: Int) -> StepHypothesis {
    var copy = self
    copy.digits = digits
    return copy
  }

  /// The same, storing what it makes in a narrower type.
  func stored(as type: ScalarType) -> StepHypothesis {
    var copy = self
    copy.storage = type
    return copy
  }

  /// The error of an element over what rounding allows where the hypothesis holds.
  ///
  /// - Parameter arithmetic: the definition with ``change`` made to it.
  func ratio(
    _ stage: StepStage, _ element: StepElement, got: Double, _ arithmetic: StepArithmetic, _ bound: StepBound,
    unit: Double
  ) -> Double {
    let want = values[stage]?(element, arithmetic) ?? arithmetic.value(stage, element)
    var within = bound.value(stage, element, arithmetic, want)
    if values[stage] != nil {
      let base = stage == .theta ? element.thetaBefore : 0
      within += 32 * unit * abs(want - base) + 2 * unit * abs(want)
    }
    if let storage {
      guard storage.rounded(got) == got else { return .infinity }
      within += storage.spacing(around: abs(want) + within) / 2
    }
    let error = abs(got - want)
    return error == 0 ? 0 : error.isNaN ? .infinity : error / within
  }
}

/// A number in a sentence.
func number(_ value: Double) -> String {
  let text = significant(value, 9)
  return significant(value, 6) == text ? text : significant(value, 6)
}
