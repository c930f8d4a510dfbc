import TouchstoneGraph
import TouchstoneModel

/// Looks for the policy by which a whole operation is explained that the plain one does not explain, and for values that
/// were cut where they were stored or read.
struct AlternativeSearch: Sendable {
  private let capture: SharedSource
  private let planner: ReplayPlanner
  private let weights: Weights?
  private let contract: Contract
  private let alternatives: Alternatives
  private let operationCount: Int

  init(_ capture: SharedSource, _ planner: ReplayPlanner, weights: Weights?, contract: Contract) {
    self.capture = capture
    self.planner = planner
    self.weights = weights
    self.contract = contract
    alternatives = Alternatives(capture.graph, type: capture.precision.type)
    operationCount = capture.graph.operations.count
  }

  /// The finding on an operation: the plain one, or that of the tightest policy which explains all of it.
  ///
  /// - Parameters:
  ///   - finding: what the plain replay found.
  ///   - replay: the plain replay.
  ///   - kept: the replays by alternatives that were made for another output; nil where there is but one, for all of them
  ///     together are many times as large as its tensors.
  /// - Throws: what reading the capture throws.
  func finding(
    _ operation: Operation, _ finding: Finding, _ replay: Replay, kept: KeptReplays? = nil
  ) throws -> Finding {
    guard capture.precision.type.isNarrow, finding.method == .replay else { return finding }
    let explained = try explained(operation, finding, replay, kept)
    guard explained.evidence == nil, let found = replay.sharedEvidence(among: operationCount) else {
      return explained
    }
    return explained.found(found)
  }

  private func explained(
    _ operation: Operation, _ finding: Finding, _ replay: Replay, _ kept: KeptReplays?
  ) throws -> Finding {
    let cut = replay.cutEvidence(among: operationCount)
    guard finding.zone != .consistent || cut != nil else { return finding }
    guard let output = replay.recorded[operation.output]?.values else { return finding }
    let source = KeptSource(capture)
    let candidates = alternatives.of(operation).filter { isPossible($0, operation) }.enumerated()
    func replayed(_ place: Int, _ alternative: Alternative) throws -> Replay? {
      func make() throws -> Replay? { try self.replay(operation, alternative, source) }
      guard let kept else { return try make() }
      return try kept.replay(place, make)?.judging(output)
    }
    var other: CutEvidence?
    // Bounds that grant a rounding more would explain values that are cut as well.
    for (place, alternative) in candidates where alternative.copies.isEmpty {
      guard let replay = try replayed(place, alternative) else { continue }
      if let found = consistent(cut == nil ? replay : replay.sharpened) { return found }
      if cut == nil, other == nil, replay.isNearlyExplained {
        other = replay.cutEvidence(among: operationCount)
      }
    }
    if let cut = cut ?? other { return finding.found(.cut(cut)) }
    for (place, alternative) in candidates where !alternative.copies.isEmpty {
      guard let replay = try replayed(place, alternative) else { continue }
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
    return try Replay(plan, by: alternative, of: capture, weights: weights, contract: contract)
  }

  /// Whether the capture holds what is read as it is recorded.
  private func isPossible(_ alternative: Alternative, _ operation: Operation) -> Bool {
    let asRecorded = alternative.copies.union(alternative.passes == .all ? [] : operation.inputs)
    return asRecorded.allSatisfy(capture.hasRightShape)
  }
}

extension Finding {
  /// The same operation as a mismatch, by what all of it shows.
  fileprivate func found(_ evidence: Evidence) -> Finding {
    Finding(
      activation: activation, hidden: hidden, method: method, zone: max(zone, .fail), ratio: ratio,
      index: index, axes: axes, got: got, want: want, inherited: inherited, evidence: evidence)
  }
}

/// The replays of one operation by its alternatives, kept for the outputs that are held against them one after the other.
final class KeptReplays {
  private var known: [Int: Replay?] = [:]

  /// The replay by the alternative at a place among all; nil where the capture does not allow it.
  func replay(_ place: Int, _ make: () throws -> Replay?) rethrows -> Replay? {
    if let known = known[place] { return known }
    let replay = try make()?.keepingEstimates
    known[place] = .some(replay)
    return replay
  }
}

/// A capture whose tensors are kept once they are read, for the many ways to recompute one operation.
private final class KeptSource: ActivationSource {
  private let source: SharedSource
  private var kept: [Activation: Tensor<Double>] = [:]

  init(_ source: SharedSource) {
    self.source = source
  }

  var graph: Graph { source.graph }
  var inputs: Inputs { source.inputs }
  var precision: Precision { source.precision }
  var productInputs: ProductInputs { source.productInputs }
  var temperature: Double { source.temperature }
  func storedType(of activation: Activation) -> ScalarType? { source.storedType(of: activation) }
  func storedShape(of activation: Activation) -> [Int]? { source.storedShape(of: activation) }
  func isDerived(_ activation: Activation) -> Bool { source.isDerived(activation) }

  func tensor(_ activation: Activation) throws -> Tensor<Double>? {
    if let known = kept[activation] { return known }
    let tensor = try source.tensor(activation)
    kept[activation] = tensor
    return tensor
  }
}
