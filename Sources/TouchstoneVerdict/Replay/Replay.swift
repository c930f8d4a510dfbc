import TouchstoneModel
import TouchstoneReference

/// One planned operation with everything that it takes to recompute it in float64 from the capture's own
/// activations, read and ready to be judged on any thread.
struct Replay: Sendable {
  private let plan: ReplayPlan
  private let recorded: [Activation: RecordedTensor]
  private let weights: Weights?
  private var rounding: Rounding
  private let inputs: Inputs
  private let configuration: Configuration
  private let temperature: Double

  /// Reads what a plan needs.
  ///
  /// - Throws: what reading the capture throws.
  init(_ plan: ReplayPlan, of capture: any ActivationSource, weights: Weights?, contract: Contract) throws {
    self.plan = plan
    self.weights = weights
    self.rounding = Rounding(capture.precision, contract: contract)
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
    defer {
      for parameter in plan.steps.flatMap(\.operation.parameters) { weights?.stored[parameter]?.release() }
    }
    let operation = plan.operation
    guard let got = recorded[operation.output] else { return nil }
    let isJudged = plan.judgedElements(inputs, configuration: configuration)
    let want = want()
    let comparison = ElementComparison(
      got: got.values, want: want, greatest: rounding.greatestFinite(stored: got.type), isJudged: isJudged)
    guard comparison.comparedCount > 0 else { return nil }
    if comparison.zone == .consistent, plan.hidesMuch,
      let finding = findingByFloor(got, want.values, comparison, isJudged)
    {
      return finding
    }
    if comparison.zone == .consistent, let evidence = evidence(got.values, want) {
      return Finding(
        activation: operation.output, zone: .suspect, ratio: evidence.deviations / WeightEvidence.threshold,
        index: comparison.worst.map(got.values.index(of:)) ?? [],
        got: comparison.worst.map { got.values.values[$0] } ?? .nan,
        want: comparison.worst.map { want.values.values[$0] } ?? .nan, problem: evidence.description)
    }
    let problem = comparison.problem ?? (comparison.zone == .consistent ? nil : problem())
    return Finding(
      activation: operation.output, hidden: plan.hidden, zone: comparison.zone, ratio: comparison.ratio,
      index: comparison.worst.map(got.values.index(of:)) ?? [],
      got: comparison.worst.map { got.values.values[$0] } ?? .nan,
      want: comparison.worst.map { want.values.values[$0] } ?? .nan, problem: problem)
  }

  /// What can be said of an output that is not what it should be without looking for a cause.
  private func problem() -> String? {
    switch plan.operation.kind {
    case .identity: return "is not the \(plan.operation.inputs[0]) that it should be"
    case .layerNorm where !rounding.contract.allowsOnePassVariance:
      var permissive = self
      permissive.rounding.contract.allowsOnePassVariance = true
      guard permissive.finding()?.zone == .consistent else { return nil }
      return "is right for a variance found in one pass, E[x²] − μ², which cancels where the mean is large"
    default: return nil
    }
  }

  /// Where much is hidden, bounds passed through it may be wide: rows are held against their own noise as well.
  private func findingByFloor(
    _ got: RecordedTensor, _ want: Tensor<Double>, _ comparison: ElementComparison,
    _ isJudged: (Int) -> Bool
  ) -> Finding? {
    let floor = LocalFloor(exact: want, noisy: noisyOutputs(), isJudged: isJudged)
    guard let worst = floor.worst(got.values, want, isJudged: isJudged),
      worst.ratio > comparison.ratio || plan.spansBlocks
    else { return nil }
    return Finding(
      activation: plan.operation.output, hidden: plan.hidden, method: .localFloor,
      zone: worst.ratio <= 1 ? .consistent : .fail, ratio: worst.ratio,
      index: got.values.index(of: worst.offset), got: got.values.values[worst.offset],
      want: want.values[worst.offset])
  }

  /// One wrong weight that the errors of all rows show together, where one does.
  ///
  /// Only in float32 and wider: where weights are rounded before they are read, every one of them is wrong.
  private func evidence(_ got: Tensor<Double>, _ want: Estimate) -> WeightEvidence? {
    let operation = plan.operation
    guard plan.hidden.isEmpty, rounding.precision.type.unitRoundoff <= ScalarType.float32.unitRoundoff,
      let weights, let input = operation.inputs.first, let read = recorded[input],
      let evidence = WeightEvidence(
        operation, input: read.values, parameters: operation.parameters.map(weights.storedFloat32), got: got,
        want: want), evidence.isConclusive
    else { return nil }
    return evidence
  }

  /// The value by the definition, and its bounds as it is stored.
  func want() -> Estimate {
    let type = recorded[plan.operation.output]?.type ?? .float32
    guard !plan.spansBlocks else {
      let values = definition().last ?? Tensor(repeating: 0, shape: [0, 0])
      return Estimate(values: values, bounds: [Bound](repeating: Bound(.infinity), count: values.count))
    }
    var replayed: [Activation: Operand] = [:]
    for step in plan.steps.dropLast() {
      let estimate = estimate(step, replayed)
      let isHandedOn = step.operation.kind == .identity
      let errors = zip(estimate.bounds, estimate.values.values).map { bound, value in
        bound + (isHandedOn ? 0 : rounding.ofStore(value, as: rounding.precision.type))
      }
      replayed[step.operation.output] = Operand(values: estimate.values, error: errors)
    }
    return stored(estimate(plan.last, replayed), as: type)
  }

  private func estimate(_ step: ReplayPlan.Step, _ replayed: [Activation: Operand]) -> Estimate {
    if let projection = fusedProjection(of: step) {
      return rounding.fusedEstimate(
        operand(projection.sources[0], replayed), parameters(of: projection.operation),
        onto: operand(step.sources[0], replayed))
    }
    return rounding.estimate(
      step.operation, step.sources.map { operand($0, replayed) }, parameters(of: step.operation),
      inputs: inputs, temperature: temperature)
  }

  /// The hidden projection that a step adds into the residual stream, where its result need not be rounded.
  private func fusedProjection(of step: ReplayPlan.Step) -> ReplayPlan.Step? {
    guard step.operation.kind == .sum, case .replayed(let addend) = step.sources[1],
      rounding.precision.type.unitRoundoff <= rounding.unit
    else { return nil }
    return plan.steps.first { $0.operation.output == addend && $0.operation.kind == .linear }
  }

  /// The outputs of every step by the definition.
  private func definition() -> [Tensor<Double>] {
    computed { _, value in value }
  }

  /// The judged output of several passes with noise at every point.
  private func noisyOutputs() -> [Tensor<Double>] {
    let exact = Dictionary(uniqueKeysWithValues: zip(plan.steps.map(\.operation.output), definition()))
    let known = exact.mapValues { Operand(values: $0) }
    let noises = plan.steps.map { step in
      let operands = step.sources.map { operand($0, known) }
      let projection = fusedProjection(of: step).map {
        FusedProjection(
          input: operand($0.sources[0], known),
          parameters: parameters(of: $0.operation)
        )
      }
      let output = step.operation.output
      return rounding.noise(
        of: step.operation, exact[output] ?? Tensor(repeating: 0, shape: [0, 0]), operands,
        parameters(of: step.operation), fusing: projection, inputs: inputs, temperature: temperature,
        storedAs: recorded[output]?.type ?? rounding.precision.type)
    }
    return (0..<LocalFloor.passCount).concurrentMap { pass in
      var random = SplitMix64(seed: UInt64(pass) &+ 1)
      return computed { index, value in
        var value = value
        noises[index].move(&value, &random)
        return value
      }.last ?? Tensor(repeating: 0, shape: [0, 0])
    }
  }

  /// Computes every step in turn, each output replaced by what `handOn` makes of it.
  private func computed(_ handOn: (Int, Tensor<Double>) -> Tensor<Double>) -> [Tensor<Double>] {
    var replayed: [Activation: Operand] = [:]
    return plan.steps.enumerated().map { index, step in
      let value = evaluate(
        step.operation, activations: step.sources.map { operand($0, replayed).values },
        parameters: parameters(of: step.operation).map(\.values), inputs: inputs, temperature: temperature)
      let handedOn = handOn(index, value)
      replayed[step.operation.output] = Operand(values: handedOn)
      return handedOn
    }
  }

  private func parameters(of operation: Operation) -> [ParameterOperand] {
    operation.parameters.compactMap { parameter in
      weights.map { weights in
        ParameterOperand(
          stored: weights.storedFloat32(parameter),
          roundoff: rounding.ofParameter(stored: weights.stored[parameter]?.type ?? .float32))
      }
    }
  }

  private func operand(_ source: ReplayPlan.Source, _ replayed: [Activation: Operand]) -> Operand {
    switch source {
    case .recorded(let activation):
      guard let tensor = recorded[activation] else { preconditionFailure("\(activation) was not read") }
      return Operand(values: tensor.values, roundoff: rounding.ofOperand(stored: tensor.type))
    case .replayed(let activation):
      guard let operand = replayed[activation] else {
        preconditionFailure("\(activation) was not computed before it is read")
      }
      return operand
    }
  }

  /// The bounds widened by what storing the output adds.
  private func stored(_ estimate: Estimate, as type: ScalarType) -> Estimate {
    if plan.operation.kind != .identity, rounding.judgesFactor == 1, rounding.storesExactly(as: type) {
      return estimate
    }
    let bounds = zip(estimate.bounds, estimate.values.values).map { bound, value in
      if plan.operation.kind == .identity, case .recorded(let source) = plan.last.sources[0] {
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
