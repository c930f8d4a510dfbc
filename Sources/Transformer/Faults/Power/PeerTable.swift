import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// The same faults and the same honest runs under the rules of other tools, which compare logits, and under this one's.
public struct PeerTable: Sendable {
  /// One rule's line.
  public struct Line: Sendable, Equatable {
    /// The rule, with its threshold.
    public let rule: String
    /// Honest runs that it flags.
    public let flagged: Int
    /// Faults that it catches.
    public let caught: Int
    /// Faults that it would catch with the tightest threshold that flags none of these honest runs.
    public let caughtAtBest: Int
  }

  /// Distances over thresholds, rule by rule, of one run each.
  private var honest: [[Double]] = []
  private var faults: [[Double]] = []

  private static let rules =
    PeerRule.all.map(\.name) + [
      "Touchstone on the logits alone: ten times the noise floor, row by row", "Touchstone by replay",
    ]

  private init() {}

  /// Runs faults, each from where it is planted on, and every honest arithmetic.
  ///
  /// A fault counts where it changes a stored value of its operation; the run goes on from there in float32.
  ///
  /// - Parameters:
  ///   - entries: the faults, with what replay sees of them on the same model and inputs.
  ///   - progress: is told how many runs are done, and of how many.
  /// - Throws: what judging throws.
  public init(
    weights: Weights, inputs: Inputs, entries: [PowerTable.Entry],
    progress: @Sendable (Int, Int) -> Void = { _, _ in }
  ) throws {
    guard let logits = weights.graph.results.logits else { return }
    var exact: Tensor<Double>?
    let floors = NoiseFloor.measured(weights, inputs: inputs) { if $0 == logits { exact = $1 } }
    let sequential = HonestTransformer(weights, HonestArithmetic.all[0])
    let eager = try RecordedActivations(of: sequential, inputs: inputs).tensors[logits]
    guard let want = exact, let eager else { return }
    let floor = floors[logits]?.values ?? []
    let judge = Judge(weights: weights, depth: .examined())
    let planted = entries.filter { $0.outcome != .notStored }
    let honestCount = HonestArithmetic.all.count
    let total = honestCount + planted.count

    honest = try (0..<honestCount).concurrentMap(progress: { progress($0, total) }) { index in
      let transformer = HonestTransformer(weights, HonestArithmetic.all[index])
      let capture = try RecordedActivations(of: transformer, inputs: inputs)
      let verdict = try judge.verdict(on: capture)
      return Self.distances(
        capture.tensors[logits] ?? want, want, eager, floor, isFlagged: !verdict.flagged.isEmpty)
    }

    let runs = PlantedRuns(weights: weights, inputs: inputs)
    faults = try planted.indices.concurrentMap(progress: { progress(honestCount + $0, total) }) { index in
      let entry = planted[index]
      guard let fault = Fault.named(entry.fault) else { return [] }
      let got = try runs.run(planting: [entry.site: fault]).tensors[logits] ?? want
      return Self.distances(got, want, eager, floor, isFlagged: entry.isCaught)
    }
  }

  private static func distances(
    _ got: Tensor<Double>, _ want: Tensor<Double>, _ eager: Tensor<Double>, _ floor: [Double], isFlagged: Bool
  ) -> [Double] {
    let ofFloor = floor.indices.map { row in
      let squares = zip(got.row(row), want.row(row)).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      let error = (squares / Double(got.rowWidth)).squareRoot() / (10 * floor[row])
      return error.isNaN ? .infinity : error
    }
    return PeerRule.all.map { $0.distance(got, want, eager) } + [ofFloor.max() ?? .infinity]
      + [isFlagged ? .infinity : 0]
  }

  /// How many honest runs there were.
  public var honestCount: Int { honest.count }
  /// How many faults, each in a run of its own.
  public var faultCount: Int { faults.count }

  /// Rule by rule; Touchstone on logits alone and by replay are the last two.
  public var lines: [Line] {
    Self.rules.indices.map { index in
      let greatest = honest.map { $0[index] }.max() ?? 0
      return Line(
        rule: Self.rules[index], flagged: honest.count { !($0[index] <= 1) },
        caught: faults.count { !($0[index] <= 1) }, caughtAtBest: faults.count { !($0[index] <= greatest) })
    }
  }

  /// The tables of several goldens as one.
  public static func merged(_ tables: [PeerTable]) -> PeerTable {
    tables.reduce(into: PeerTable()) { total, table in
      total.honest += table.honest
      total.faults += table.faults
    }
  }
}
