import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// What a golden's inputs can show: every fault of a catalogue, planted at every operation that it can spoil.
public struct PowerTable: Sendable {
  /// What became of one planted fault.
  public enum Outcome: Sendable, Equatable {
    /// Flagged at the operation where it was planted.
    case caught(Zone)
    /// It changes values, but by less than rounding may.
    case belowRounding
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
    public let outcome: Outcome
    /// The worst error over `stat`.
    public let ratio: Double
  }

  /// Every fault at every operation that it can spoil.
  public let entries: [Entry]

  /// Plants every fault of `catalogue` in a float32 run of the model on `inputs`.
  ///
  /// An operation is judged from its own inputs, which the fault leaves alone: one pass through the model serves
  /// every fault, and what is caught is caught where it was planted.
  ///
  /// - Throws: ``BadInput`` where the inputs do not belong to the model.
  public init(
    weights: Weights, inputs: Inputs, temperature: Double = 1, catalogue: [Fault] = Fault.catalogue
  ) throws {
    let run = RecordedActivations(weights: weights, inputs: inputs, temperature: temperature)
    let judge = Judge(weights: weights)
    let operations = weights.configuration.operations
    entries = try operations.indices.concurrentMap { index in
      Result { try Self.entries(at: operations[index], of: run, weights: weights, judge, catalogue) }
    }.flatMap { try $0.get() }
  }

  private static func entries(
    at operation: Operation, of run: RecordedActivations, weights: Weights, _ judge: Judge,
    _ catalogue: [Fault]
  ) throws -> [Entry] {
    let faults = catalogue.filter { $0.points.contains(operation.output.point) }
    guard !faults.isEmpty, let right = try judge.estimate(operation.output, in: run) else { return [] }
    let site = FaultSite(
      operation: operation, activations: operation.inputs.compactMap { run.tensors[$0] },
      parameters: operation.parameters.map(weights.float64), inputs: run.inputs, temperature: run.temperature,
      configuration: run.configuration, activation: { run.tensors[$0] },
      parameter: { weights.stored[$0] == nil ? nil : weights.float64($0) })
    let isJudged = operation.judgedElements(run.inputs, configuration: run.configuration)
    return faults.map { fault in
      guard let value = fault.spoilt(site), value.shape == right.values.shape else {
        return Entry(
          fault: fault.id, family: fault.family, site: operation.output, outcome: .impossible, ratio: 0)
      }
      let captured = value.converted(to: Float.self).converted(to: Double.self)
      let comparison = ElementComparison(
        got: captured, want: right, greatest: Double(Float.greatestFiniteMagnitude), isJudged: isJudged)
      let outcome: Outcome =
        comparison.zone != .consistent
        ? .caught(comparison.zone) : isVisible(value, right.values, isJudged) ? .belowRounding : .equivalent
      return Entry(
        fault: fault.id, family: fault.family, site: operation.output, outcome: outcome,
        ratio: comparison.ratio)
    }
  }

  /// Whether two float64 results differ by more than float64 arithmetic does.
  private static func isVisible(
    _ left: Tensor<Double>, _ right: Tensor<Double>, _ isJudged: (Int) -> Bool
  ) -> Bool {
    let greatest = right.values.reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 }
    return left.values.indices.contains { offset in
      isJudged(offset) && !(abs(left.values[offset] - right.values[offset]) <= 1e-13 * greatest)
        && left.values[offset] != right.values[offset]
    }
  }
}

extension PowerTable {
  /// The counts behind one line of a table.
  public struct Count: Sendable, Equatable {
    /// Faults, each at one operation, that change anything.
    public var visible = 0
    /// Those that were flagged.
    public var caught = 0
    /// Those that no order of correctly rounded operations explains.
    public var proven = 0

    /// caught/visible; 1 where nothing is visible.
    public var share: Double { visible == 0 ? 1 : Double(caught) / Double(visible) }

    mutating func add(_ outcome: Outcome) {
      switch outcome {
      case .caught(let zone):
        visible += 1
        caught += 1
        proven += zone == .proven ? 1 : 0
      case .belowRounding: visible += 1
      case .equivalent, .impossible: break
      }
    }
  }

  /// Everything together.
  public var total: Count { count(entries) }

  /// Family by family.
  public var byFamily: [(family: Fault.Family, count: Count)] {
    Fault.Family.allCases.map { family in (family, count(entries.filter { $0.family == family })) }
  }

  /// The faults that were visible somewhere and caught nowhere.
  public var survivors: [String] {
    var caught: Set<String> = []
    var visible: [String] = []
    for entry in entries {
      switch entry.outcome {
      case .caught: caught.insert(entry.fault)
      case .belowRounding: visible.append(entry.fault)
      case .equivalent, .impossible: break
      }
    }
    var seen: Set<String> = []
    return visible.filter { !caught.contains($0) && seen.insert($0).inserted }
  }

  /// The tables of several goldens as one.
  public static func merged(_ tables: [PowerTable]) -> PowerTable {
    PowerTable(entries: tables.flatMap(\.entries))
  }

  private init(entries: [Entry]) {
    self.entries = entries
  }

  private func count(_ entries: [Entry]) -> Count {
    entries.reduce(into: Count()) { $0.add($1.outcome) }
  }
}
