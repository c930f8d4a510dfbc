import TouchstoneModel

/// Says of a capture, operation by operation, whether its differences from the definition are rounding.
public struct Judge: Sendable {
  /// The model's parameters; without them only the operations that need none are replayed.
  public let weights: Weights?
  /// Whether a capture may be consistent that leaves operations before the logits without any comparison.
  public let acceptsPartial: Bool

  /// What implementations are granted.
  public let contract: Contract

  /// Creates a judge for one model.
  public init(weights: Weights?, acceptsPartial: Bool = false, contract: Contract = .standard) {
    self.weights = weights
    self.acceptsPartial = acceptsPartial
    self.contract = contract
  }

  /// Judges a capture.
  ///
  /// - Parameters:
  ///   - capture: what an implementation computed.
  ///   - golden: what the reference computed from the same inputs: gives the inherited error and, where a noise
  ///     floor is recorded, the end-to-end check; nil where there is none.
  /// - Throws: ``BadInput`` where the two belong to different models or inputs, and what reading them throws.
  public func verdict(
    on capture: any ActivationSource, golden: (any ActivationSource)? = nil
  ) throws -> Verdict {
    try checkSameModel(capture, golden)
    let shared = SharedSource(capture)
    let operations = shared.judgedOperations
    let planner = ReplayPlanner(shared, hasWeights: weights != nil)
    let floor = golden.map { FloorComparison(capture: shared, golden: SharedSource($0)) }
    let judgement: @Sendable (Operation) -> Result<Judgement, any Error> = { operation in
      Result { try judged(operation, of: shared, planner, floor: floor) }
    }
    // Each core reads one operation's tensors and judges it: no more of a deep capture is held than of a shallow one.
    // On the few whose tensors are large, those over the vocabulary, all cores work together, one operation at a time.
    let isLarge = operations.map { shared.elementCount(of: $0.output) > Self.largeCount }
    let small = operations.indices.filter { !isLarge[$0] }
    let large = operations.indices.filter { isLarge[$0] }
    let ofSmall = small.indices.concurrentMap { judgement(operations[small[$0]]) }
    let ofLarge = large.map { judgement(operations[$0]) }
    let results = zip(small + large, ofSmall + ofLarge).sorted { $0.0 < $1.0 }
    var findings: [Finding] = []
    var notCompared: [NotCompared] = []
    var vacuous: [Activation] = []
    for (index, result) in results {
      let operation = operations[index]
      switch try result.get() {
      case .compared(let finding): findings.append(finding)
      case .not(let omission, let isVacuous):
        notCompared.append(omission)
        if isVacuous { vacuous.append(operation.output) }
      }
    }
    let coverage = Coverage(operations, findings, vacuous: vacuous)
    return try conclude(findings, notCompared, coverage, floor: floor, operations: operations, of: capture)
  }

  /// A tensor of more elements than this is large.
  private static let largeCount = 1e6

  private enum Judgement {
    case compared(Finding)
    /// Vacuous where it could be replayed and has no element to judge.
    case not(NotCompared, isVacuous: Bool)
  }

  private func judged(
    _ operation: Operation, of capture: SharedSource, _ planner: ReplayPlanner, floor: FloorComparison?
  ) throws -> Judgement {
    let step = try Step(operation, capture, planner, weights: weights, contract: contract, floor: floor)
    guard let finding = step.replay?.finding() ?? step.finding else {
      return .not(
        NotCompared(path: step.activation.path, why: step.obstacle), isVacuous: step.replay != nil)
    }
    return .compared(finding.withInherited(try floor?.inherited(finding.activation)))
  }

  /// What the definition gives for one recorded activation from the capture's own, and the bounds around it.
  ///
  /// - Returns: nil where the capture does not hold enough to say.
  package func estimate(_ activation: Activation, in capture: any ActivationSource) throws -> Estimate? {
    guard let operation = capture.judgedOperations.first(where: { $0.output == activation }),
      capture.hasRightShape(activation),
      let plan = try? ReplayPlanner(
        capture as? SharedSource ?? SharedSource(capture), hasWeights: weights != nil
      ).plan(operation)
    else { return nil }
    return try Replay(plan, of: capture, weights: weights, contract: contract).want()
  }

  /// Adds the end-to-end check, and says what was and was not done.
  private func conclude(
    _ findings: [Finding], _ notCompared: [NotCompared], _ coverage: Coverage, floor: FloorComparison?,
    operations: [Operation], of capture: any ActivationSource
  ) throws -> Verdict {
    var findings = findings
    // Where every operation was replayed by itself, nothing is left that could differ.
    let isPartial = !notCompared.isEmpty || findings.contains { !$0.hidden.isEmpty }
    if let floor, floor.availability == .present, isPartial,
      findings.allSatisfy({ $0.zone == .consistent }), findings.contains(where: { $0.method != .floor }),
      let drift = try floor.firstDrift(operations)
    {
      findings.append(drift)
    }
    var outcome = Self.outcome(findings)
    if outcome == .consistent, !coverage.uncovered.isEmpty, !acceptsPartial { outcome = .inconclusive }
    return Verdict(
      outcome: outcome, method: method(findings), findings: findings, notCompared: notCompared,
      uncovered: coverage.uncovered,
      notes: notes(findings, floor: floor, isPartial: isPartial) + capture.leaveNotes)
  }

  private func method(_ findings: [Finding]) -> Verdict.Method {
    if weights == nil, findings.contains(where: { $0.method == .floor }) { return .floor }
    let isByFloorAlone = !findings.isEmpty && findings.allSatisfy { $0.method == .localFloor }
    return isByFloorAlone ? .localFloor : .replay
  }

  private func notes(_ findings: [Finding], floor: FloorComparison?, isPartial: Bool) -> [String] {
    var notes: [String] = []
    if findings.contains(where: { $0.method == .localFloor }) {
      notes.append(
        "Where much lies between recorded activations, operations were recomputed together, and each row compared "
          + "with ten times the noise of such arithmetic: blind to faults below it, and to which of them is at fault."
      )
    }
    if findings.contains(where: { $0.method == .floor }) {
      notes.append(
        "Where an operation could not be replayed, rows were compared end to end with ten times the noise floor: "
          + "a weaker check, blind to faults below the noise and to where they begin.")
    }
    if weights == nil {
      notes.append("Without the weights, only the operations that need none were replayed.")
    }
    switch floor?.availability {
    case nil:
      notes.append(
        "There is no golden to compare with: inherited errors and the noise-floor check are missing.")
    case .missing where isPartial:
      notes.append("The noise-floor check was not made: the golden has no noise floor.")
    case .ofOtherPrecision where isPartial:
      notes.append("The noise-floor check was not made: the floor is that of float32.")
    case .missing, .ofOtherPrecision, .present: break
    }
    return notes
  }

  private static func outcome(_ findings: [Finding]) -> Verdict.Outcome {
    guard let worst = findings.map(\.zone).max() else { return .inconclusive }
    switch worst {
    case .consistent: return .consistent
    case .suspect: return .inconclusive
    case .fail, .proven: return .mismatch
    }
  }

  private func checkSameModel(_ capture: any ActivationSource, _ golden: (any ActivationSource)?) throws {
    for (configuration, owner) in [
      (golden?.configuration, "the golden"), (weights?.configuration, "the weights"),
    ] {
      guard let configuration, configuration != capture.configuration else { continue }
      throw BadInput(
        place: "config_json", problem: "the capture's configuration is not that of \(owner)",
        remedy: "capture the same model")
    }
    if let golden, !golden.inputs.describesSameSequence(as: capture.inputs) {
      throw BadInput(
        place: "inputs", problem: "the capture was made for other tokens, positions or attention mask",
        remedy: "capture the golden's own inputs")
    }
    if let golden, golden.storedShape(of: Activation(.probabilities)) != nil,
      capture.storedShape(of: Activation(.probabilities)) != nil, golden.temperature != capture.temperature
    {
      throw BadInput(
        place: Activation(.probabilities).path,
        problem: "has the temperature \(capture.temperature) where the golden's is \(golden.temperature)",
        remedy: "capture at the golden's temperature")
    }
    guard capture.temperature > 0, capture.temperature.isFinite else {
      throw BadInput(
        place: Activation(.probabilities).path, problem: "has the temperature \(capture.temperature)",
        remedy: "record a temperature greater than 0")
    }
  }
}

extension Inputs {
  /// Whether the forward pass is the same: a mask that masks nothing is no mask.
  func describesSameSequence(as other: Inputs) -> Bool {
    let all = [Bool](repeating: true, count: count)
    return tokenIDs == other.tokenIDs && positionIDs == other.positionIDs
      && (attentionMask ?? all) == (other.attentionMask ?? all)
  }
}

extension ActivationSource {
  /// How many elements the configuration gives an activation.
  fileprivate func elementCount(of activation: Activation) -> Double {
    configuration.shape(of: activation, tokenCount: inputs.count).reduce(1) { $0 * Double($1) }
  }

  /// Whether an activation is recorded with the extents that the configuration gives it.
  package func hasRightShape(_ activation: Activation) -> Bool {
    storedShape(of: activation) == configuration.shape(of: activation, tokenCount: inputs.count)
  }
}

extension Finding {
  fileprivate func withInherited(_ inherited: Double?) -> Finding {
    Finding(
      activation: activation, hidden: hidden, method: method, zone: zone, ratio: ratio, index: index,
      got: got,
      want: want, inherited: inherited, problem: problem)
  }
}
