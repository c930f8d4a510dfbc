import TouchstoneModel
import TouchstoneReference

/// Recomputes operations in float64 from a capture's own activations.
struct Replay {
  /// What is judged.
  let capture: any ActivationSource
  /// The model's parameters, where they are at hand.
  let weights: Weights?
  private let rounding: Rounding

  init(_ capture: any ActivationSource, weights: Weights?) {
    self.capture = capture
    self.weights = weights
    self.rounding = Rounding(capture.precision)
  }

  /// Judges the output of one planned operation.
  ///
  /// - Returns: nil where no element could be compared.
  func judge(_ plan: ReplayPlan) throws -> Finding? {
    let operation = plan.operation
    guard let got = try capture.tensor(operation.output) else { return nil }
    let type = storedType(operation.output)
    let want = try want(plan)
    let comparison = ElementComparison(
      got: got, want: want, greatest: rounding.greatestFinite(stored: type),
      isJudged: operation.judgedElements(capture.inputs, configuration: capture.configuration))
    guard comparison.comparedCount > 0 else { return nil }
    let problem =
      comparison.problem
      ?? (operation.kind == .identity && comparison.zone != .consistent
        ? "is not the \(operation.inputs[0]) that it should be" : nil)
    return Finding(
      activation: operation.output, hidden: plan.hidden, zone: comparison.zone, ratio: comparison.ratio,
      index: comparison.worst.map(got.index(of:)) ?? [],
      got: comparison.worst.map { got.values[$0] } ?? .nan,
      want: comparison.worst.map { want.values.values[$0] } ?? .nan, problem: problem)
  }

  /// The value of a planned operation, and its bounds as it is stored.
  func want(_ plan: ReplayPlan) throws -> Estimate {
    var replayed: [Activation: Operand] = [:]
    return stored(try estimate(plan, &replayed), of: plan, as: storedType(plan.operation.output))
  }

  private func estimate(_ plan: ReplayPlan, _ replayed: inout [Activation: Operand]) throws -> Estimate {
    if plan.operation.kind == .sum, case .replayed(let projection) = plan.sources[1],
      projection.operation.kind == .linear
    {
      return rounding.fusedEstimate(
        projection.operation, try operand(projection.sources[0], &replayed),
        parameters(of: projection.operation), onto: try operand(plan.sources[0], &replayed),
        inputs: capture.inputs)
    }
    var operands: [Operand] = []
    for source in plan.sources {
      operands.append(try operand(source, &replayed))
    }
    return rounding.estimate(
      plan.operation, operands, parameters(of: plan.operation), inputs: capture.inputs,
      temperature: capture.temperature)
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

  private func operand(
    _ source: ReplayPlan.Source, _ replayed: inout [Activation: Operand]
  ) throws -> Operand {
    switch source {
    case .recorded(let activation):
      guard let tensor = try capture.tensor(activation) else {
        throw BadInput(place: activation.path, problem: "cannot be read again", remedy: "record it anew")
      }
      return Operand(values: tensor, roundoff: rounding.ofOperand(stored: storedType(activation)))
    case .replayed(let plan):
      let output = plan.operation.output
      if let known = replayed[output] { return known }
      let estimate = try estimate(plan, &replayed)
      let isHandedOn = plan.operation.kind == .identity
      let type = capture.precision.type
      let errors = zip(estimate.bounds, estimate.values.values).map { bound, value in
        bound + (isHandedOn ? 0 : rounding.ofStore(value, as: type))
      }
      let operand = Operand(values: estimate.values, error: errors)
      replayed[output] = operand
      return operand
    }
  }

  /// The bounds widened by what storing the output adds.
  private func stored(_ estimate: Estimate, of plan: ReplayPlan, as type: ScalarType) -> Estimate {
    let bounds = zip(estimate.bounds, estimate.values.values).map { bound, value in
      if plan.operation.kind == .identity, case .recorded(let source) = plan.sources[0] {
        return bound + rounding.ofHandingOn(value, from: storedType(source), to: type)
      }
      return rounding.judgesFactor * (bound + rounding.ofStore(value, as: type))
    }
    return Estimate(values: estimate.values, bounds: bounds)
  }

  private func storedType(_ activation: Activation) -> ScalarType {
    capture.storedType(of: activation) ?? capture.precision.type
  }
}
