import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// What a golden's inputs can show: every fault of a catalogue, planted at every operation that it can spoil.
public struct PowerTable: Sendable {
  /// What became of one planted fault.
  public enum Outcome: Sendable, Equatable {
    /// Flagged at the operation where it was planted.
    case caught(Zone)
    /// It changes stored values, but by less than rounding may.
    case belowRounding
    /// It changes values of float64, and none as it is stored.
    case notStored
    /// It changes nothing here, or by less than float64 can tell.
    case equivalent
    /// The sequence or the model has no place for it.
    case impossible
  }

  /// One fault at one operation.
  public struct Entry: Sendable, Equatable {
    /// The fault's id.
    public let fault: String
    /// Its family.
    public let family: Fault.Family
    /// The activation whose making it spoils.
    public let site: Activation
    /// What became of it.
    public var outcome: Outcome
    /// The worst error over `stat`.
    public let ratio: Double
    /// Where it is below rounding: how many standard deviations all elements together show of it, where they are looked at.
    public var deviations: Double?
    /// How many of them are flagged.
    public var threshold: Double?
    /// In 16 bits, whether it changes a stored value by more than the policy allows that the run without it shows.
    public var isBeyondPolicy = false
    /// Whether it is the first operation that is flagged in a run with this fault.
    public var isLocated = false

    /// The kind of operation: what it is called in every block, and of every expert.
    public var kind: String {
      site.name.split(separator: "/").filter { Int($0) == nil }.joined(separator: "/")
    }
    /// Whether the fault changes anything that float64 can tell.
    public var isVisible: Bool { outcome != .equivalent && outcome != .impossible }
    /// Whether it was flagged.
    public var isCaught: Bool {
      if case .caught = outcome { true } else { false }
    }
  }

  /// Every fault at every operation that it can spoil, golden by golden.
  public let goldens: [[Entry]]
  /// What is flagged in the runs without any fault: nothing, if rounding is never taken for one.
  public let falseAlarms: [Finding]

  /// The same without the bounds between goldens.
  public var entries: [Entry] { goldens.flatMap { $0 } }

  /// The tables of several goldens as one.
  public static func merged(_ tables: [PowerTable]) -> PowerTable {
    PowerTable(goldens: tables.flatMap(\.goldens), falseAlarms: tables.flatMap(\.falseAlarms))
  }

  private init(goldens: [[Entry]], falseAlarms: [Finding]) {
    self.goldens = goldens
    self.falseAlarms = falseAlarms
  }

  /// Plants every fault of `catalogue` in a run of the model on `inputs`, whose values are stored in `precision`.
  ///
  /// An operation is judged from its own inputs, which the fault leaves alone: one pass through the model serves
  /// every fault. For the same reason nothing before the fault is flagged unless it is without it; that is looked at, and
  /// what is caught after something that is flagged is not located.
  ///
  /// - Throws: ``BadInput`` where the inputs do not belong to the model.
  public init(
    weights: Weights, inputs: Inputs, temperature: Double = 1, precision: Precision = .float32,
    catalogue: [Fault] = Fault.catalogue
  ) throws {
    let run = RecordedActivations(
      weights: weights, inputs: inputs, temperature: temperature, precision: precision)
    let judge = Judge(weights: weights, depth: .examined(catalogue: catalogue))
    let weights = weights.with(temperature: temperature)
    let operations = weights.graph.operations
    falseAlarms = try judge.verdict(on: run).flagged
    let firstFlagged = falseAlarms.first?.activation
    let isLocatable = operations.prefix { $0.output != firstFlagged }.count
    let entries = try operations.indices.concurrentMap { index in
      try Self.entries(at: operations[index], of: run, weights: weights, judge, catalogue).map { entry in
        var entry = entry
        entry.isLocated = entry.isCaught && index < isLocatable
        return entry
      }
    }
    goldens = [entries.flatMap(\.self)]
  }

  private static func entries(
    at operation: Operation, of run: RecordedActivations, weights: Weights, _ judge: Judge,
    _ catalogue: [Fault]
  ) throws -> [Entry] {
    let graph = weights.graph
    let faults = catalogue.filter { $0.canSpoil(operation, in: graph) }
    guard !faults.isEmpty, let right = try judge.estimate(operation.output, in: run) else { return [] }
    let format = NumberFormat(run.precision.type)
    let shared = SharedSource(run)
    let exact = try Site(operation, of: graph, inputs: run.inputs, weights: weights) { try shared.tensor($0) }
    guard let read = exact?.rounded(to: format) else { return [] }
    let site = FaultSite(
      site: read, graph: graph, activation: { run.tensors[$0] },
      parameter: { weights.known($0, in: format) }, parameterFormat: format)
    let definition = read.value()
    let rightlyStored = format.rounded(definition)
    let isJudged = operation.judgedElements(run.inputs, graph: graph)
    let level = EvidenceLevel(of: operation.kind, catalogue: Fault.catalogue, in: graph)
    let dependsOnOutput = run.precision.type.isNarrow || operation.kind.payload.isDecision
    let judged =
      dependsOnOutput ? try judge.outputJudge(of: operation.output, in: run) : nil
    return try faults.map { fault in
      guard let value = fault.spoilt(site) else {
        return Entry(
          fault: fault.id, family: fault.family, site: operation.output, outcome: .impossible, ratio: 0)
      }
      let captured = format.rounded(value)
      let comparison = ElementComparison(
        got: captured, want: right, greatest: format.greatestFinite, isJudged: isJudged)
      var entry = Entry(
        fault: fault.id, family: fault.family, site: operation.output, outcome: .equivalent,
        ratio: comparison.ratio)
      // In 16 bits another policy may explain it, or the signs of all errors together show it; a decision has other bounds.
      var zone = comparison.zone
      if let judged {
        zone = try judged.finding(captured)?.zone ?? zone
        entry.isBeyondPolicy = run.precision.type.isNarrow && judged.isBeyondPolicy(captured)
      }
      if zone != .consistent {
        entry.outcome = .caught(zone)
      } else if isVisible(value, definition, isJudged) {
        let evidence =
          format.significandBits == 24
          ? evidence(of: fault, captured, right, site, judge.contract, level) : nil
        let isStored = captured.values.indices.contains {
          isJudged($0) && captured.values[$0] != rightlyStored.values[$0]
        }
        entry.outcome =
          evidence?.isConclusive == true ? .caught(.suspect) : isStored ? .belowRounding : .notStored
        entry.deviations = evidence?.deviations
        entry.threshold = evidence?.threshold
      }
      return entry
    }
  }

  /// Whether the errors of all elements together show a fault that none shows by itself, and by how many standard
  /// deviations; nil where they are not looked at.
  private static func evidence(
    of fault: Fault, _ captured: Tensor<Double>, _ right: Estimate, _ site: FaultSite, _ contract: Contract,
    _ level: EvidenceLevel
  ) -> (isConclusive: Bool, deviations: Double, threshold: Double)? {
    if SubtleFaults.examines(site.operation.kind) {
      let search = SubtleFaults(site: site, right: right, got: captured, contract, level)
      if let first = search.found(Fault.catalogue).first {
        return (true, first.deviations, first.threshold)
      }
      return fault.isSubtle ? search.evidence(fault).map { (false, $0.deviations, $0.threshold) } : nil
    }
    guard let input = site.activations.first,
      let evidence = WeightEvidence(
        site.operation, input: input, parameters: site.parameters.map { StoredTensor($0) }, got: captured,
        want: right, contract: contract, level: level)
    else { return nil }
    return (evidence.isConclusive, evidence.deviations, evidence.threshold)
  }

  /// Whether two float64 results differ by more than float64 arithmetic does, and by what is not flushed to zero.
  private static func isVisible(
    _ left: Tensor<Double>, _ right: Tensor<Double>, _ isJudged: (Int) -> Bool
  ) -> Bool {
    let greatest = right.values.reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 }
    return left.values.indices.contains { offset in
      isJudged(offset)
        && !(abs(left.values[offset] - right.values[offset]) <= max(1e-13 * greatest, 0x1p-126))
        && left.values[offset] != right.values[offset]
    }
  }
}
