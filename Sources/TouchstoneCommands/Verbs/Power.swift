import ArgumentParser
import Foundation
import TouchstoneConformance
import TouchstoneFaults
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel

/// Plants every fault of the catalogue and says which of them the goldens would show.
struct Power: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "power",
    abstract: "Plants every fault of the catalogue and says which of them these goldens would show.",
    discussion: """
      Each fault is planted at every operation that it can spoil, in a run that records everything, and judged as a \
      capture would be. Where it changes nothing on these inputs it is not counted; where it changes less than rounding \
      may, it is missed. Located is what is caught and has nothing flagged before it. In 16 bits, beyond are those that \
      change a stored value by more than the policy allows that the run without a fault shows, as “rounded once”.

      Three ways of counting: every fault at every operation of every golden (every site); every fault once for each \
      golden, at a random operation (one site a golden); every fault once at each kind of operation, caught where any of \
      the goldens catches it (any golden).

      --random takes random models in place of goldens, twelve for each seed, of four kinds: as GPT-2 is initialised, \
      probing, as training leaves models, repetitive.

      Whole runs, each computed from its fault on, say more; --sample takes as many of each golden as it says, drawn by \
      --seed. --peers holds them and \(HonestArithmetic.all.count) honest implementations against the rules of other tools. \
      --causes judges them as diff does: where the difference begins, and by what name. --pairs plants two faults at once, \
      \(Self.pairCount) pairs for each golden unless --sample says otherwise.

      Examples:
        touchstone power golden/probes
        touchstone power --precision bfloat16 golden/cases/tiny-odd.h5
        touchstone power --random 31 --causes --sample 100
      """)

  @Argument(
    help: ArgumentHelp("Goldens, or folders of them; golden/probes where none is given.", valueName: "path"))
  var paths: [String] = []

  @Option(
    help: ArgumentHelp(
      "Random models of these seeds, with commas between them, in place of goldens.", valueName: "seeds"))
  var random: IntegerList?

  @Option(help: ArgumentHelp("A Hugging Face folder with the weights, or a GGUF file.", valueName: "dir"))
  var model: String?

  @Option(help: "What values are stored in: float32, bfloat16 or float16.")
  var precision = "float32"

  @Flag(help: "Holds the same faults against the rules of other tools.")
  var peers = false

  @Flag(help: "Says how often the operation and the cause are named rightly.")
  var causes = false

  @Flag(help: "Plants two faults at once.")
  var pairs = false

  @Option(help: "How many whole runs for each golden; all faults unless given, and 100 pairs.")
  var sample: Int?

  @Option(help: "Chooses the sample.")
  var seed: UInt64 = 1

  @OptionGroup var reading: TrustOption

  @Flag(help: "Prints one JSON object.")
  var json = false

  private static let pairCount = 100

  func validate() throws {
    guard let precision = Precision(name: precision), precision.type != .float64, !precision.truncates else {
      throw ValidationError("--precision must be float32, bfloat16 or float16.")
    }
    if peers || causes || pairs, precision != .float32 {
      throw ValidationError("--peers, --causes and --pairs run in float32 only.")
    }
    if sample != nil, !(peers || causes || pairs) {
      throw ValidationError(
        "--sample goes with --causes, --pairs or --peers: without them every site is looked at.")
    }
    if let sample, !(1...1_000_000).contains(sample) {
      throw ValidationError("--sample must be from 1 to 1000000.")
    }
    if let random {
      if !paths.isEmpty {
        throw ValidationError("--random takes the place of goldens; give one or the other.")
      }
      if model != nil { throw ValidationError("--random makes its own weights; leave --model out.") }
      if random.values.contains(where: { $0 < 0 }) {
        throw ValidationError("--random takes seeds from 0 on.")
      }
    }
  }

  func run() throws {
    try reading.apply()
    let subjects = try random.map(randomSubjects) ?? goldenSubjects()
    guard !subjects.isEmpty else {
      Console.error(
        "touchstone: there is no golden at \(paths.joined(separator: ", ")), so nothing was planted")
      throw ExitCode(3)
    }
    let progress = Progress()
    var report = PowerReport(goldenCount: subjects.count, isRandom: random != nil)
    for (index, subject) in subjects.enumerated() {
      let (weights, inputs) = try subject.open()
      let about = "\(index + 1) of \(subjects.count), \(subject.name): "
      progress.show(about + "planting faults")
      let table = try PowerTable(
        weights: weights, inputs: inputs, precision: Precision(name: precision) ?? .float32)
      report.tables.append((subject.group, table))
      let entries = table.sample(sample, seed: seed)
      func countdown(_ what: String) -> @Sendable (Int, Int) -> Void {
        let countdown = Countdown(about + what, progress)
        return { countdown.show($0, of: $1) }
      }
      if peers {
        report.peers.append(
          try PeerTable(
            weights: weights, inputs: inputs, entries: entries, progress: countdown("rules of other tools")))
      }
      if causes {
        report.causes.append(
          try CauseTable(weights: weights, inputs: inputs, entries: entries, progress: countdown("causes")))
      }
      if pairs {
        report.pairs.append(
          try PairTable(
            weights: weights, inputs: inputs, power: table, count: sample ?? Self.pairCount, seed: seed,
            progress: countdown("pairs")))
      }
    }
    progress.end()
    Console.line(json ? try report.json() : report.text)
  }

  /// A model and a sequence to run through it.
  private struct Subject {
    let name: String
    /// What it is counted with.
    let group: String
    let open: () throws -> (Weights, Inputs)
  }

  private func goldenSubjects() throws -> [Subject] {
    let finder = try WeightsFinder(model: model)
    return try (paths.isEmpty ? ["golden/probes"] : paths).flatMap { try GoldenSearch.goldens(at: $0) }
      .map { path in
        Subject(name: path, group: path) {
          let golden = try ActivationFile(path: path)
          return (try finder.weights(for: golden), golden.inputs)
        }
      }
  }

  private func randomSubjects(_ seeds: IntegerList) -> [Subject] {
    seeds.values.flatMap { RandomModel.all(seed: UInt64($0)) }.map { model in
      Subject(name: "\(model)", group: model.kind.rawValue) {
        let weights = try model.weights()
        return (weights, try model.inputs(weights.graph))
      }
    }
  }
}
