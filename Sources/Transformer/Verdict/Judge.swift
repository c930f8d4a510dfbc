import TouchstoneGraph
import TouchstoneModel

/// Says of a capture, operation by operation, whether its differences from the definition are rounding.
public struct Judge: Sendable {
  /// The model's parameters; without them only the operations that need none are replayed.
  public let weights: Weights?
  /// Whether a capture may be consistent that leaves operations before the logits without any comparison, or holds
  /// datasets that may be meant for operations of which nothing was compared by itself.
  public let acceptsPartial: Bool

  /// What implementations are granted.
  public let contract: Contract
  /// What is done with the verdict on each operation.
  public let depth: Depth
  /// The layers that are judged; nil for all.
  public let layers: LayerRange?
  /// Whether each finding says how its errors are spread, for a page to show.
  public let surveysErrors: Bool
  /// What others found of single operations, which is not asked again where it is settled.
  package var known: Verdict?
  /// Told how many operations have been judged, of how many, from any thread.
  public let progress: @Sendable (_ done: Int, _ total: Int) -> Void

  /// Creates a judge for one model.
  public init(
    weights: Weights?, acceptsPartial: Bool = false, contract: Contract = .standard,
    depth: Depth = .operations, layers: LayerRange? = nil, surveysErrors: Bool = false,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) {
    self.weights = weights
    self.acceptsPartial = acceptsPartial
    self.contract = contract
    self.depth = depth
    self.layers = layers
    self.surveysErrors = surveysErrors
    self.progress = progress
  }

  /// Judges a capture, as deeply as this judge looks.
  ///
  /// - Parameters:
  ///   - capture: what an implementation computed.
  ///   - golden: what the reference computed from the same inputs: gives the inherited error and, where a noise
  ///     floor is recorded, the end-to-end check; nil where there is none.
  /// - Throws: ``BadInput`` where the two belong to different models or inputs, and what reading them throws.
  public func verdict(
    on capture: any ActivationSource, golden: (any ActivationSource)? = nil
  ) throws -> Verdict {
    try concluded(verdictOnOperations(of: capture, golden: golden), on: capture, golden: golden)
  }

  /// The stages of this judge's depth, after every operation has been judged.
  package func concluded(
    _ verdict: Verdict, on capture: any ActivationSource, golden: (any ActivationSource)?
  ) throws -> Verdict {
    let judged = Judged(self, capture, golden: golden)
    return try depth.stages.reduce(verdict) { verdict, stage in try stage(verdict, judged) }
  }

  /// Every operation by itself.
  package func verdictOnOperations(
    of capture: any ActivationSource, golden: (any ActivationSource)?
  ) throws -> Verdict {
    try checkSame(capture, golden)
    let reading = try PrecisionReading(capture)
    let verdict = try verdict(on: capture, as: reading, golden: golden)
    // What is stored in a narrow type may have been computed in float32 all the same.
    if !capture.namesPrecision, reading.precision != capture.precision, verdict.outcome != .consistent,
      !capture.storesWider(than: reading.precision.type)
    {
      let plain = try self.verdict(
        on: capture, as: PrecisionReading(precision: capture.precision, sentence: nil), golden: golden)
      if plain.outcome == .consistent { return plain }
    }
    return verdict
  }

  private func verdict(
    on capture: any ActivationSource, as reading: PrecisionReading, golden: (any ActivationSource)?
  ) throws -> Verdict {
    let shared = SharedSource(capture, judgedAs: reading.precision)
    let operations = shared.judgedOperations(of: layers)
    let planner = ReplayPlanner(shared, hasWeights: weights != nil)
    let floor = try golden.map {
      try FloorComparison(capture: shared, golden: SharedSource($0), surveysErrors: surveysErrors)
    }
    let level = EvidenceLevel(ofWeightsOf: shared.graph)
    let search = AlternativeSearch(
      shared, planner, weights: weights, contract: contract, surveysErrors: surveysErrors)
    let settled = settled(in: reading.precision)
    let judgement: @Sendable (Operation) -> Result<Judgement, any Error> = { operation in
      if let finding = settled[operation.output] { return .success(Judgement(finding: finding)) }
      return Result { try judged(operation, of: shared, planner, search, floor: floor, level) }
    }
    // Each core reads one operation's tensors and judges it: no more of a deep capture is held than of a shallow one.
    // On the few whose tensors are large, those over the vocabulary, all cores work together, one operation at a time.
    let isLarge = operations.map { shared.elementCount(of: $0.output) > Self.largeCount }
    let small = operations.indices.filter { !isLarge[$0] }
    let large = operations.indices.filter { isLarge[$0] }
    let ofSmall = small.indices.concurrentMap(progress: { progress($0, operations.count) }) {
      judgement(operations[small[$0]])
    }
    let ofLarge = large.enumerated().map { place, operation in
      defer { progress(small.count + place + 1, operations.count) }
      return judgement(operations[operation])
    }
    let results = zip(small + large, ofSmall + ofLarge).sorted { $0.0 < $1.0 }
    var findings: [Finding] = []
    var notCompared: [NotCompared] = []
    var vacuous: [Activation] = []
    var gaps: [(activation: Activation, gap: ComparisonGap)] = []
    for (index, result) in results {
      let activation = operations[index].output
      let judgement = try result.get()
      if let finding = judgement.finding { findings.append(finding) }
      if let obstacle = judgement.gap?.obstacle ?? judgement.obstacle {
        notCompared.append(NotCompared(path: activation.path, why: obstacle))
      }
      if let gap = judgement.gap { gaps.append((activation, gap)) }
      if judgement.isVacuous { vacuous.append(activation) }
    }
    if Self.outcome(findings) != .consistent, let weights,
      let rounded = try RoundedRecording(shared).findings(
        operations.filter { shared.storedType(of: $0.output) != nil }, weights: weights)
    {
      findings = try rounded.map { $0.withInherited(try floor?.inherited($0.activation)) }
      notCompared = []
    }
    let coverage = Coverage(
      operations, of: shared.graph, findings, vacuous: vacuous,
      incomparable: gaps.filter { $0.gap.incomparableCount > 0 }.map(\.activation))
    var verdict = try conclude(
      findings, notCompared, coverage, floor: floor, operations: operations, of: shared)
    if !coverage.incomparable.isEmpty, let (activation, gap) = gaps.first(where: { $0.gap.overflow != nil }) {
      verdict.remarks += gap.overflow.map { [.overflow(activation, $0)] } ?? []
    }
    verdict.acceptsPartial = acceptsPartial
    verdict.precision = reading.precision
    verdict.precisionSentence = reading.sentence
    if verdict.outcome == .mismatch {
      verdict.causes = try PrecisionReading.cause(of: capture).map { [$0] } ?? []
    }
    verdict.shard = try layers.map {
      try ShardFacts($0, verdict, by: self, of: shared.graph, floor: floor, operations)
    }
    return verdict
  }

  /// A tensor of more elements than this is large.
  private static let largeCount = 1e6

  private struct Judgement {
    var finding: Finding?
    /// Why nothing was compared, where nothing was.
    var obstacle: String?
    /// What of it could not be compared.
    var gap: ComparisonGap?
    /// Whether it could be replayed and has no element to judge.
    var isVacuous = false
  }

  private func judged(
    _ operation: Operation, of capture: SharedSource, _ planner: ReplayPlanner, _ search: AlternativeSearch,
    floor: FloorComparison?, _ level: EvidenceLevel
  ) throws -> Judgement {
    if capture.hasNothing(of: operation) { return Judgement(isVacuous: true) }
    let step = try Step(operation, capture, planner, weights: weights, contract: contract, floor: floor)
    let result = try step.replay.map { replay in
      var replay = replay
      replay.surveysErrors = surveysErrors
      return try search.result(operation, replay, level)
    }
    guard let finding = result?.finding ?? step.finding else {
      return Judgement(
        obstacle: step.obstacle, gap: result?.gap, isVacuous: result != nil && result?.gap == nil)
    }
    return Judgement(
      finding: finding.withInherited(try floor?.inherited(finding.activation)), gap: result?.gap)
  }

  /// What the definition gives for one recorded activation from the capture's own, and the bounds around it.
  ///
  /// - Returns: nil where the capture does not hold enough to say.
  package func estimate(_ activation: Activation, in capture: any ActivationSource) throws -> Estimate? {
    try replay(activation, in: SharedSource(capture, judgedAs: PrecisionReading(capture).precision))?.replay
      .want()
  }

  /// What judges one operation of a capture, whatever it made; nil where the capture does not hold enough to say.
  package func outputJudge(of activation: Activation, in capture: any ActivationSource) throws -> OutputJudge?
  {
    let shared = SharedSource(capture, judgedAs: try PrecisionReading(capture).precision)
    guard let (operation, planner, replay) = try replay(activation, in: shared) else { return nil }
    let search = AlternativeSearch(shared, planner, weights: weights, contract: contract)
    return OutputJudge(operation, replay, search)
  }

  private func replay(
    _ activation: Activation, in shared: SharedSource
  ) throws -> (operation: Operation, planner: ReplayPlanner, replay: Replay)? {
    let planner = ReplayPlanner(shared, hasWeights: weights != nil)
    guard let operation = shared.judgedOperations.first(where: { $0.output == activation }),
      shared.hasRightShape(activation), let plan = try? planner.plan(operation)
    else { return nil }
    return (operation, planner, try Replay(plan, of: shared, weights: weights, contract: contract))
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
    let judged = Set(operations.map(\.output))
    let others = capture.graph.operations.map(\.output).filter { !judged.contains($0) }
    let unknown = UnknownName.all(in: capture, compared: Set(findings.map(\.activation) + others))
    let leavesOut = !coverage.uncovered.isEmpty || unknown.contains(where: \.isMistaken)
    var outcome = Self.outcome(findings)
    if outcome == .consistent, leavesOut && !acceptsPartial || !coverage.incomparable.isEmpty {
      outcome = .inconclusive
    }
    let remarks =
      remarks(findings, floor: floor, isPartial: isPartial, isNarrow: capture.precision.type.isNarrow)
      + findings.policyRemarks + findings.decisionRemarks + capture.ownRemarks(on: operations)
      + (unknown.isEmpty ? [] : [.unknownNames(unknown)])
    return Verdict(
      outcome: outcome, method: method(findings), findings: findings, notCompared: notCompared,
      uncovered: coverage.uncovered, incomparable: coverage.incomparable, unknownNames: unknown,
      contract: contract, remarks: remarks)
  }

  private func method(_ findings: [Finding]) -> Verdict.Method {
    Self.method(findings, hasWeights: weights != nil)
  }

  /// How most of it was judged.
  package static func method(_ findings: [Finding], hasWeights: Bool) -> Verdict.Method {
    if !hasWeights, findings.contains(where: { $0.method == .floor }) { return .floor }
    let isByFloorAlone = !findings.isEmpty && findings.allSatisfy { $0.method == .localFloor }
    return isByFloorAlone ? .localFloor : .replay
  }

  private func remarks(
    _ findings: [Finding], floor: FloorComparison?, isPartial: Bool, isNarrow: Bool
  ) -> [Note] {
    var notes = [findings.searchRemark].compactMap(\.self)
    if findings.contains(where: { $0.method == .localFloor }) { notes.append(.replayedTogether) }
    if findings.contains(where: { $0.method == .floor }) { notes.append(.comparedEndToEnd) }
    if isNarrow, findings.contains(where: { $0.policy == nil && !$0.hidden.isEmpty || $0.method != .replay })
    {
      notes.append(.replayedTogetherInNarrowType)
    }
    if weights == nil { notes.append(.withoutWeights) }
    switch floor?.availability {
    case nil: notes.append(.withoutGolden)
    case .missing where isPartial: notes.append(.withoutFloor)
    case .ofOtherPrecision where isPartial: notes.append(.floorOfOtherPrecision)
    case .ofOtherDecisions where isPartial: notes.append(.floorOfOtherDecisions)
    case .present where isPartial:
      notes += [floor?.firstReadingNarrowCache.map(Note.floorBefore)].compactMap(\.self)
    case .missing, .ofOtherPrecision, .ofOtherDecisions, .present: break
    }
    return notes
  }

  /// What the findings alone say.
  package static func outcome(_ findings: [Finding]) -> Verdict.Outcome {
    guard let worst = findings.map(\.zone).max() else { return .inconclusive }
    switch worst {
    case .consistent: return .consistent
    case .suspect: return .inconclusive
    case .fail, .proven: return .mismatch
    }
  }
}

extension ActivationSource {
  /// How many elements the model gives an activation.
  fileprivate func elementCount(of activation: Activation) -> Double {
    (graph.shape(of: activation, in: inputs) ?? []).reduce(1) { $0 * Double($1) }
  }

  /// Whether an activation is recorded with the extents that the model gives it.
  package func hasRightShape(_ activation: Activation) -> Bool {
    guard let shape = (try? rightShape(of: activation)) ?? nil else { return false }
    return storedShape(of: activation) == shape
  }
}

extension Finding {
  fileprivate func withInherited(_ inherited: Double?) -> Finding {
    var finding = self
    finding.inherited = inherited
    return finding
  }
}
