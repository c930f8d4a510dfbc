import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
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
      "Touchstone on the logits alone: noise in every direction", "Touchstone by replay",
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
    let right = RecordedActivations(weights: weights, inputs: inputs)
    let alone = right.tensors.filter { $0.key == logits }
    guard
      let results = try Judge(weights: weights).outputJudge(
        of: logits, in: RecordedActivations(graph: weights.graph, inputs: inputs, tensors: alone))
    else { return }
    var exact: Tensor<Double>?
    try Executor(weights, inputs).run { if $0 == logits { exact = $1 } }
    let sequential = HonestTransformer(weights, HonestArithmetic.all[0])
    let eager = try RecordedActivations(of: sequential, inputs: inputs).tensors[logits]
    guard let want = exact, let eager else { return }
    let judge = Judge(weights: weights, depth: .examined())
    let planted = entries.filter { $0.outcome != .notStored }
    let honestCount = HonestArithmetic.all.count
    let total = honestCount + planted.count

    let honestRuns = try (0..<honestCount).concurrentMap(progress: { progress($0, total) }) { index in
      let transformer = HonestTransformer(weights, HonestArithmetic.all[index])
      let capture = try RecordedActivations(of: transformer, inputs: inputs)
      let verdict = try judge.verdict(on: capture)
      return Run(logits: capture.tensors[logits] ?? want, isFlagged: !verdict.flagged.isEmpty)
    }
    honest = try honestRuns.map { try $0.distances(from: want, eager, results) }

    let runs = PlantedRuns(weights: weights, inputs: inputs)
    let wrongRuns = try planted.indices.concurrentMap(progress: { progress(honestCount + $0, total) }) {
      index in
      let entry = planted[index]
      let run = try Fault.named(entry.fault).map { try runs.run(planting: [entry.site: $0]) }
      return Run(logits: run?.tensors[logits] ?? want, isFlagged: entry.isCaught)
    }
    faults = try wrongRuns.map { try $0.distances(from: want, eager, results) }
  }

  /// What the rules look at.
  private struct Run: Sendable {
    let logits: Tensor<Double>
    /// Whether something is flagged where everything is recorded.
    let isFlagged: Bool

    func distances(
      from want: Tensor<Double>, _ eager: Tensor<Double>, _ results: OutputJudge
    ) throws -> [Double] {
      let alone = try results.finding(logits)?.ratio ?? .infinity
      return PeerRule.all.map { $0.distance(logits, want, eager) } + [alone, isFlagged ? .infinity : 0]
    }
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
