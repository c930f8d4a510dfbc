import TouchstoneModel
import TouchstoneReference

/// One planned operation with everything that it takes to recompute it in float64 from the capture's own
/// activations, read and ready to be judged on any thread.
struct Replay: Sendable {
  private let plan: ReplayPlan
  private let recorded: [Activation: RecordedTensor]
  private let weights: Weights?
  private let rounding: Rounding
  private let inputs: Inputs
  private let configuration: Configuration
  private let temperature: Double

  /// Reads what a plan needs.
  ///
  /// - Throws: what reading the capture throws.
  init(_ plan: ReplayPlan, of capture: any ActivationSource, weights: Weights?) throws {
    self.plan = plan
    self.weights = weights
    self.rounding = Rounding(capture.precision)
    self.inputs = capture.inputs
    self.configuration = capture.configuration
    self.temperature = capture.temperature
    var recorded: [Activation: RecordedTensor] = [:]
    for activation in plan.recorded + [plan.operation.output] where recorded[activation] == nil {
      guard let tensor = try capture.tensor(activation) else {
        throw BadInput(place: activation.path, problem: "cannot be read", remedy: "record it anew")
      }
      recorded[activation] = RecordedTensor(
        values: tensor, type: capture.storedType(of: activation) ?? capture.precision.type)
    }
    self.recorded = recorded
  }

  /// Judges the output; nil where no element could be compared.
  func finding() -> Finding? {
    let operation = plan.operation
    guard let got = recorded[operation.output] else { return nil }
    let want = want()
    let comparison = ElementComparison(
      got: got.values, want: want, greatest: rounding.greatestFinite(stored: got.type),
      isJudged: plan.judgedElements(inputs, configuration: configuration))
    guard comparison.comparedCount > 0 else { return nil }
    let problem =
      comparison.problem
      ?? (operation.kind == .identity && comparison.zone != .consistent
        ? "is not the \(operation.inputs[0]) that it should be" : nil)
    return Finding(
      activation: operation.output, hidden: plan.hidden, zone: comparison.zone, ratio: comparison.ratio,
      index: comparison.worst.map(got.values.index(of:)) ?? [],
      got: comparison.worst.map { got.values.values[$0] } ?? .nan,
      want: comparison.worst.map { want.values.values[$0] } ?? .nan, problem: problem)
  }

  /// The value by the definition, and its bounds as it is stored.
  func want() -> Estimate {
    var replayed: [Activation: Operand] = [:]
    return stored(estimate(plan, &replayed), as: recorded[plan.operation.output]?.type ?? .float32)
  }

  private func estimate(_ plan: ReplayPlan, _ replayed: inout [Activation: Operand]) -> Estimate {
    if plan.operation.kind == .sum, case .replayed(let projection) = plan.sources[1],
      projection.operation.kind == .linear
    {
      return rounding.fusedEstimate(
        operand(projection.sources[0], &replayed), parameters(of: projection.operation),
        onto: operand(plan.sources[0], &replayed))
    }
    let operands = plan.sources.map { operand($0, &replayed) }
    return rounding.estimate(
      plan.operation, operands, parameters(of: plan.operation), inputs: inputs, temperature: temperature)
  }

  private func parameters(of operation: Operation) -> [ParameterOperand] {
    operation.parameters.compactMap { parameter in
      weights.map { weights in
        ParameterOperand(
          values: weights.float64(parameter),
          roundoff: rounding.ofParameter(stored: weights.stored[parameter]?.type ?? .float32))
      }
    }
  }

  private func operand(_ source: ReplayPlan.Source, _ replayed: inout [Activation: Operand]) -> Operand {
    switch source {
    case .recorded(let activation):
      guard let tensor = recorded[activation] else { preconditionFailure("\(activation) was not read") }
      return Operand(values: tensor.values, roundoff: rounding.ofOperand(stored: tensor.type))
    case .replayed(let plan):
      let output = plan.operation.output
      if let known = replayed[output] { return known }
      let estimate = estimate(plan, &replayed)
      let isHandedOn = plan.operation.kind == .identity
      let errors = zip(estimate.bounds, estimate.values.values).map { bound, value in
        bound + (isHandedOn ? 0 : rounding.ofStore(value, as: rounding.precision.type))
      }
      let operand = Operand(values: estimate.values, error: errors)
      replayed[output] = operand
      return operand
    }
  }

  /// The bounds widened by what storing the output adds.
  private func stored(_ estimate: Estimate, as type: ScalarType) -> Estimate {
    let bounds = zip(estimate.bounds, estimate.values.values).map { bound, value in
      if plan.operation.kind == .identity, case .recorded(let source) = plan.sources[0] {
        return bound + rounding.ofHandingOn(value, from: recorded[source]?.type ?? type, to: type)
      }
      return rounding.judgesFactor * (bound + rounding.ofStore(value, as: type))
    }
    return Estimate(values: estimate.values, bounds: bounds)
  }
}

/// A tensor of a capture and the type it is stored in.
private struct RecordedTensor: Sendable {
  let values: Tensor<Double>
  let type: ScalarType
}
