import TouchstoneGraph
import TouchstoneModel

/// Looks for the tightest policy by which a whole operation is explained, and for values that were cut where they were
/// stored or read.
struct AlternativeSearch: Sendable {
  private let capture: SharedSource
  private let planner: ReplayPlanner
  private let weights: Weights?
  private let contract: Contract
  private let alternatives: Alternatives
  private let operationCount: Int
  private let surveysErrors: Bool

  init(
    _ capture: SharedSource, _ planner: ReplayPlanner, weights: Weights?, contract: Contract,
    surveysErrors: Bool = false
  ) {
    self.capture = capture
    self.planner = planner
    self.weights = weights
    self.contract = contract
    self.surveysErrors = surveysErrors
    alternatives = Alternatives(capture.graph, type: capture.precision.type)
    operationCount = capture.graph.operations.count
  }

  /// What is found on an operation: by its plain replay in float32 and wider, by the tightest policy that explains all of it in a
  /// narrow type.
  ///
  /// - Parameters:
  ///   - replay: the plain replay.
  ///   - level: what a wrong weight that only all rows show must exceed; nil to look for none.
  ///   - kept: the replays by other policies that were made for another output; nil where there is but one, for all of them
  ///     together are many times as large as its tensors.
  /// - Throws: what reading the capture throws.
  func result(
    _ operation: Operation, _ replay: Replay, _ level: EvidenceLevel? = nil, kept: KeptReplays? = nil
  ) throws -> Replay.Result {
    guard capture.precision.type.isNarrow else { return replay.result(level) }
    let candidates = Candidates(self, operation, replay, kept)
    var result = candidates.first?.result() ?? replay.result()
    if result.finding?.zone != .consistent, candidates.first != nil {
      let tight = result.finding
      result = replay.result()
      if let plain = result.finding, let tight, plain.zone == .consistent {
        result.finding = try inferred(operation, plain, tight, replay, candidates)
      }
    } else if result.finding?.zone == .consistent, replay.isOfRoundedResult {
      result.finding?.policy = .roundedOnce
    }
    result.finding = try result.finding.map { try finding(operation, $0, replay, candidates) }
    return result
  }

  /// The replay by what explains all of an operation and rounds it once; the plain one where nothing does.
  func tightest(_ replay: Replay) -> Replay {
    replay.waysToRoundOnce.lazy.map(replay.recomputed).first { consistent($0) != nil } ?? replay
  }

  /// The ways to compute one operation, with the replays that were made of them.
  private struct Candidates {
    /// Those that round nothing but the result, the usual one first; none where the plain bounds grant no more.
    let ways: [Alternative]
    /// Those that read or round what the plain way does not.
    let others: [Alternative]
    private let replay: Replay
    private let kept: KeptReplays?
    private let make: (Alternative) throws -> Replay?

    init(_ search: AlternativeSearch, _ operation: Operation, _ replay: Replay, _ kept: KeptReplays?) {
      ways = replay.waysToRoundOnce
      others = search.alternatives.of(operation).filter { search.isPossible($0, operation) }
      self.replay = replay
      self.kept = kept
      let source = KeptSource(search.capture)
      make = { try search.replay(operation, $0, source) }
    }

    /// The replay in the usual way to round once.
    var first: Replay? { ways.isEmpty ? nil : way(0) }

    func way(_ place: Int) -> Replay? {
      guard let output = replay.recorded[replay.plan.operation.output]?.values else { return nil }
      guard let kept else { return replay.recomputed(by: ways[place]) }
      return kept.replay(place) { replay.recomputed(by: ways[place]) }?.judging(output)
    }

    func other(_ place: Int) throws -> Replay? {
      guard let output = replay.recorded[replay.plan.operation.output]?.values else { return nil }
      guard let kept else { return try make(others[place]) }
      return try kept.replay(ways.count + place) { try make(others[place]) }?.judging(output)
    }
  }

  /// What is found where the plain bounds explain an operation, and rounding once in the usual way does not: the tightest policy that does;
  /// the plain one, where as many elements leave the tight ones as rounded steps move; and else the elements that do.
  ///
  /// Clauses: BND-34.
  private func inferred(
    _ operation: Operation, _ plain: Finding, _ tight: Finding, _ replay: Replay, _ candidates: Candidates
  ) throws -> Finding {
    for place in candidates.ways.indices.dropFirst() {
      if let found = candidates.way(place).flatMap(consistent) { return found }
    }
    for place in candidates.others.indices where candidates.others[place].copies.isEmpty {
      let replays = try candidates.other(place)?.readingParametersExactly ?? []
      if let found = replays.lazy.compactMap(consistent).first { return found }
    }
    let ways = candidates.ways.indices.compactMap { candidates.way($0)?.comparedByPolicy }
    // What recomputes what is recorded costs more products, and parts of one kernel read the same records.
    let others = try candidates.others.indices.flatMap { place in
      candidates.others[place].copies.union(candidates.others[place].unrounded).isEmpty
        ? try candidates.other(place)?.readingParametersExactly.compactMap(\.comparedByPolicy) ?? [] : []
    }
    if PolicyComparison.explainInParts(ways + others) { return plain.judged(by: .mixed) }
    let narrowest = ways.filter { $0.policy != .hardwareTanh }
    guard let nearest = narrowest.min(by: { $0.beyondCount < $1.beyondCount }) else { return plain }
    let evidence = nearest.evidence(beside: replay, among: operationCount)
    guard let evidence else { return plain.judged(by: .everyStep) }
    let finding = nearest.policy == tight.policy ? tight : nearest.finding ?? tight
    return finding.found(.beyondPolicy(evidence), zone: min(finding.zone, .fail))
  }

  /// The finding on an operation: the plain one, or that of the tightest policy which explains all of it.
  private func finding(
    _ operation: Operation, _ finding: Finding, _ replay: Replay, _ candidates: Candidates
  ) throws -> Finding {
    guard finding.method == .replay else { return finding }
    let explained = try explained(operation, finding, replay, candidates)
    // What names the mistake says more than that elements leave the policy.
    guard explained.evidence == nil || explained.isBeyondPolicy,
      let found = replay.sharedEvidence(among: operationCount)
    else { return explained }
    return explained.found(found)
  }

  private func explained(
    _ operation: Operation, _ finding: Finding, _ replay: Replay, _ candidates: Candidates
  ) throws -> Finding {
    let cut = replay.cutEvidence(among: operationCount)
    guard finding.zone != .consistent || cut != nil else { return finding }
    if finding.isBeyondPolicy, cut == nil { return finding }
    var other: CutEvidence?
    // Bounds that grant a rounding more would explain values that are cut as well.
    for (place, alternative) in candidates.others.enumerated() where alternative.copies.isEmpty {
      guard let replay = try candidates.other(place) else { continue }
      let replays = cut == nil ? replay.readingParametersExactly : [replay.sharpened]
      if let found = replays.lazy.compactMap(consistent).first { return found }
      if cut == nil, other == nil, replay.isNearlyExplained {
        other = replay.cutEvidence(among: operationCount)
      }
    }
    if let cut = cut ?? other { return finding.found(.cut(cut)) }
    for (place, alternative) in candidates.others.enumerated() where !alternative.copies.isEmpty {
      guard let replay = try candidates.other(place) else { continue }
      if let found = consistent(replay) { return found }
    }
    return finding
  }

  private func consistent(_ replay: Replay) -> Finding? {
    if let few = replay.ofFewRows, !few.explainsEverything { return nil }
    guard let found = replay.result().finding, found.zone == .consistent else { return nil }
    return found
  }

  private func replay(_ operation: Operation, _ alternative: Alternative, _ capture: KeptSource) throws
    -> Replay?
  {
    guard let plan = try? planner.plan(operation, recomputing: alternative.unrounded) else { return nil }
    var replay = try Replay(plan, by: alternative, of: capture, weights: weights, contract: contract)
    replay.surveysErrors = surveysErrors
    return replay
  }

  /// Whether the capture holds what is read as it is recorded.
  private func isPossible(_ alternative: Alternative, _ operation: Operation) -> Bool {
    let asRecorded = alternative.copies.union(alternative.passes == .all ? [] : operation.inputs)
    return asRecorded.allSatisfy(capture.hasRightShape)
  }
}

extension Finding {
  /// The same operation as a mismatch, by what all of it shows.
  fileprivate func found(_ evidence: Evidence, zone: Zone? = nil) -> Finding {
    var finding = Finding(
      activation: activation, hidden: hidden, policy: zone == nil ? nil : policy, method: method,
      zone: zone ?? max(self.zone, .fail), ratio: ratio, index: index, axes: axes, got: got, want: want,
      inherited: inherited, evidence: evidence)
    finding.survey = survey
    return finding
  }

  fileprivate var isBeyondPolicy: Bool {
    if case .beyondPolicy = evidence { true } else { false }
  }

  fileprivate func judged(by policy: Policy) -> Finding {
    var finding = self
    finding.policy = policy
    return finding
  }
}
