import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// Runs with two faults in them, at different operations, each of which is caught where it stands alone.
public struct PairTable: Sendable {
  /// One run.
  public struct Entry: Sendable {
    /// The two faults, the earlier operation first.
    public let faults: [PowerTable.Entry]
    /// At which of the two operations something was flagged.
    public let flagged: [Bool]
    /// What is said to be the cause at each of them: ids that the capture cannot tell apart, the named one first.
    public let causes: [[String]]

    /// Whether both operations were flagged.
    public var isComplete: Bool { !flagged.contains(false) }
    /// Whether at each of them the fault is named, or what it does to the numbers.
    public var isNamed: Bool {
      zip(faults, causes).allSatisfy { planted, ids in
        ids.contains { $0 == planted.fault || $0.hasPrefix(Reading.prefix) && $0 != Cause.placeAlone }
      }
    }
    /// Whether another fault of the catalogue is named at one of them.
    public var isWrong: Bool {
      zip(faults, causes).contains { planted, ids in
        ids.first.map { !$0.hasPrefix(Reading.prefix) } ?? false && !ids.contains(planted.fault)
      }
    }
  }

  /// Run by run.
  public private(set) var entries: [Entry] = []

  private init() {}

  /// Draws pairs at random and judges a run for each.
  ///
  /// - Parameters:
  ///   - power: which faults are caught alone, on the same model and inputs.
  ///   - count: how many pairs.
  ///   - progress: is told how many runs are done, and of how many.
  /// - Throws: what judging throws.
  public init(
    weights: Weights, inputs: Inputs, power: PowerTable, count: Int, seed: UInt64,
    progress: @Sendable (Int, Int) -> Void = { _, _ in }
  ) throws {
    let caught = power.entries.filter(\.isCaught)
    guard Set(caught.map(\.site)).count > 1 else { return }
    var random = SplitMix64(seed: seed)
    var pairs: [[PowerTable.Entry]] = []
    while pairs.count < count {
      let pair = (0..<2).map { _ in Int.random(in: caught.indices, using: &random) }.sorted().map {
        caught[$0]
      }
      if pair[0].site != pair[1].site { pairs.append(pair) }
    }
    let drawn = pairs
    let runs = PlantedRuns(weights: weights, inputs: inputs)
    let golden = try RecordedActivations(of: ReferenceTransformer(weights), inputs: inputs)
    let judge = Judge(weights: weights, depth: .whole())
    entries = try drawn.indices.concurrentMap(progress: { progress($0, drawn.count) }) { index in
      let pair = drawn[index]
      let faults = pair.compactMap { entry in Fault.named(entry.fault).map { (entry.site, $0) } }
      let capture = try runs.run(planting: Dictionary(uniqueKeysWithValues: faults))
      let verdict = try judge.verdict(on: capture, golden: golden)
      return Entry(
        faults: pair,
        flagged: pair.map { entry in verdict.flagged.contains { $0.activation == entry.site } },
        causes: pair.map { entry in
          verdict.causes.filter { $0.places.contains(entry.site.path) }.flatMap { [$0.id] + $0.equivalents }
        })
    }
  }

  /// The tables of several goldens as one.
  public static func merged(_ tables: [PairTable]) -> PairTable {
    tables.reduce(into: PairTable()) { $0.entries += $1.entries }
  }
}
