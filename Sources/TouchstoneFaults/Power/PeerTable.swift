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
    public var flagged = 0
    /// Faults that it catches.
    public var caught = 0
  }

  /// Rule by rule; Touchstone on logits alone and by replay are the last two.
  public private(set) var lines: [Line]
  /// How many honest runs there were.
  public private(set) var honestCount = 0
  /// How many faults, each in a run of its own.
  public private(set) var faultCount = 0

  private static let onLogits = "Touchstone on the logits alone: ten times the noise floor, row by row"
  private static let byReplay = "Touchstone by replay"

  private init() {
    lines = (PeerRule.all.map(\.name) + [Self.onLogits, Self.byReplay]).map { Line(rule: $0) }
  }

  /// Runs every fault of the catalogue at every operation that it can spoil, and every honest arithmetic.
  ///
  /// A fault counts where it is visible at its operation; the run goes on from there in float32.
  ///
  /// - Parameters:
  ///   - power: what replay sees of the same model and inputs, with the same catalogue.
  ///   - progress: is told what is being done.
  /// - Throws: what judging throws.
  public init(
    weights: Weights, inputs: Inputs, power: PowerTable, progress: (String) -> Void = { _ in }
  ) throws {
    self.init()
    let logits = Activation(.logits)
    var want: Tensor<Double>?
    ReferenceTransformer(weights).forward(inputs) { if $0 == logits { want = $1 } }
    let sequential = HonestTransformer(weights, HonestArithmetic.all[0])
    let eager = try RecordedActivations(of: sequential, inputs: inputs).tensors[logits]
    guard let want, let eager else { return }
    let floor = NoiseFloor.measured(weights, inputs: inputs)[logits]?.values ?? []
    let judge = Judge(weights: weights)

    progress("running \(HonestArithmetic.all.count) honest implementations")
    let honest = HonestArithmetic.all.indices.concurrentMap { index in
      Result {
        let transformer = HonestTransformer(weights, HonestArithmetic.all[index])
        let capture = try RecordedActivations(of: transformer, inputs: inputs)
        let verdict = try judge.verdict(on: capture).examined(capture, weights: weights)
        let got = capture.tensors[logits] ?? want
        return Self.rejections(of: got, want, eager, floor) + [!verdict.flagged.isEmpty]
      }
    }
    for rejected in try honest.map({ try $0.get() }) { add(rejected, honest: true) }

    let planted = power.entries.filter { entry in
      switch entry.outcome {
      case .caught, .belowRounding: true
      case .equivalent, .impossible: false
      }
    }
    for first in stride(from: 0, to: planted.count, by: 64) {
      progress("running faults, \(first) of \(planted.count)")
      let batch = (first..<min(first + 64, planted.count)).concurrentMap { index -> [Bool] in
        let entry = planted[index]
        guard let fault = Fault.named(entry.fault) else { return [] }
        let run = RecordedActivations(weights: weights, inputs: inputs, planting: [entry.site: fault])
        let isCaught = entry.outcome != .belowRounding
        return Self.rejections(of: run.tensors[logits] ?? want, want, eager, floor) + [isCaught]
      }
      for rejected in batch { add(rejected, honest: false) }
    }
  }

  private static func rejections(
    of got: Tensor<Double>, _ want: Tensor<Double>, _ eager: Tensor<Double>, _ floor: [Double]
  ) -> [Bool] {
    let isBelowFloor = floor.indices.allSatisfy { row in
      let squares = zip(got.row(row), want.row(row)).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      return (squares / Double(got.rowWidth)).squareRoot() <= 10 * floor[row]
    }
    return PeerRule.all.map { !$0.accepts(got, want, eager) } + [!isBelowFloor]
  }

  private mutating func add(_ rejected: [Bool], honest: Bool) {
    guard rejected.count == lines.count else { return }
    honestCount += honest ? 1 : 0
    faultCount += honest ? 0 : 1
    for index in lines.indices where rejected[index] {
      if honest { lines[index].flagged += 1 } else { lines[index].caught += 1 }
    }
  }

  /// The tables of several goldens as one.
  public static func merged(_ tables: [PeerTable]) -> PeerTable {
    tables.reduce(into: PeerTable()) { total, table in
      total.honestCount += table.honestCount
      total.faultCount += table.faultCount
      for index in total.lines.indices {
        total.lines[index].flagged += table.lines[index].flagged
        total.lines[index].caught += table.lines[index].caught
      }
    }
  }
}
