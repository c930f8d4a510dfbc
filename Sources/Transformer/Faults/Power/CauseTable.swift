import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// What a whole verdict says of runs with one fault in them: whether it is flagged, where, and by what name.
public struct CauseTable: Sendable {
  /// One run.
  public struct Entry: Sendable {
    /// The fault.
    public let fault: String
    /// Its family.
    public let family: Fault.Family
    /// Where it was planted.
    public let site: Activation
    /// The first operation that was flagged; nil where none was.
    public let flagged: Activation?
    /// The ids that are named, those that this capture cannot tell apart together; empty where no cause is.
    public let named: [String]
    /// Whether what is wrong was read off the numbers instead.
    public let isStructureTold: Bool
    /// What is named once the fault and those named with it are taken out of the catalogue.
    public let namedWithout: [String]
    /// What is read off the capture then: the same mistake in other words.
    public let readWithout: [String]

    /// Whether without the fault's hypothesis a cause is read off the numbers, and no other fault is named.
    public var isReadWithout: Bool { !readWithout.isEmpty && namedWithout.isEmpty }
    /// Whether the first flagged operation is that of the fault.
    public var isLocated: Bool { flagged == site }
    /// Whether the fault is among those named.
    public var isRight: Bool { named.contains(fault) }
    /// Whether other faults are named, and not this one.
    public var isWrong: Bool { !named.isEmpty && !isRight }
  }

  /// Run by run.
  public private(set) var entries: [Entry] = []

  private init() {}

  /// Judges a run for each fault as `diff` judges a capture that holds everything, once with the whole catalogue and once
  /// without what was named.
  ///
  /// - Parameters:
  ///   - entries: the faults, each with its place.
  ///   - progress: is told how many runs are done, and of how many.
  /// - Throws: what judging throws.
  public init(
    weights: Weights, inputs: Inputs, entries planted: [PowerTable.Entry],
    progress: @Sendable (Int, Int) -> Void = { _, _ in }
  ) throws {
    let runs = PlantedRuns(weights: weights, inputs: inputs)
    let golden = try RecordedActivations(of: ReferenceTransformer(weights), inputs: inputs)
    let judge = Judge(weights: weights)
    let count = planted.count
    entries = try (0..<count).concurrentMap(progress: { progress($0, count) }) { index -> Entry? in
      let entry = planted[index]
      guard let fault = Fault.named(entry.fault) else { return nil }
      let capture = try runs.run(planting: [entry.site: fault])
      let judged = try judge.verdict(on: capture, golden: golden)
      func concluded(_ catalogue: [Fault]) throws -> Verdict {
        try Judge(weights: weights, depth: .whole(catalogue: catalogue))
          .concluded(judged, on: capture, golden: golden)
      }
      let verdict = try concluded(Fault.catalogue)
      let first = verdict.flagged.first
      func isRead(_ id: String) -> Bool { id.hasPrefix(Reading.prefix) }
      let named = (verdict.cause.map { [$0.id] + $0.equivalents } ?? []).filter { !isRead($0) }
      let others = Fault.catalogue.filter { $0.id != fault.id && !named.contains($0.id) }
      let without = first == nil ? nil : try concluded(others).cause
      let ids = without.map { [$0.id] + $0.equivalents } ?? []
      return Entry(
        fault: fault.id, family: fault.family, site: entry.site, flagged: first?.activation, named: named,
        isStructureTold: verdict.cause.map { isRead($0.id) } ?? false,
        namedWithout: ids.filter { !isRead($0) },
        readWithout: ids.filter { isRead($0) && $0 != Cause.placeAlone })
    }.compactMap(\.self)
  }

  /// The runs that were flagged, of one family after the other.
  public func byFamily() -> [(family: Fault.Family, runs: [Entry])] {
    let flagged = entries.filter { $0.flagged != nil }
    return Fault.Family.allCases.map { family in (family, flagged.filter { $0.family == family }) }
      .filter { !$0.runs.isEmpty }
  }

  /// How many runs a condition holds for.
  public func count(where holds: (Entry) -> Bool) -> Int {
    entries.count(where: holds)
  }

  /// The tables of several goldens as one.
  public static func merged(_ tables: [CauseTable]) -> CauseTable {
    tables.reduce(into: CauseTable()) { $0.entries += $1.entries }
  }
}
