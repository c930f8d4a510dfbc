import ArgumentParser
import Foundation
import TouchstoneConformance
import TouchstoneFaults
import TouchstoneGolden
import TouchstoneModel

/// Plants every fault of the catalogue and says which of them the goldens would show.
struct Power: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Plants every fault of the catalogue and says which of them these goldens would show.",
    discussion: """
      Each fault is planted at every operation that it can spoil, in a run that records everything, and judged as a \
      capture would be. Where it changes nothing on these inputs it is not counted; where it changes less than rounding \
      may, it is missed.

      Three ways of counting: every fault at every operation of every golden (every site); every fault once for each \
      golden, at a random operation (one site a golden); every fault once at each kind of operation, caught where any of \
      the goldens catches it (any golden).

      With --peers the same faults and \(HonestArithmetic.all.count) honest implementations are held against the rules \
      of other tools as well: a whole forward pass for each, minutes for a golden of a hundred tokens.

      Examples:
        touchstone power golden/probes
        touchstone power --precision bfloat16 golden/cases/tiny-odd.h5
      """)

  @Argument(help: ArgumentHelp("Goldens, or folders of them.", valueName: "path"))
  var paths: [String] = ["golden/probes"]

  @Option(help: ArgumentHelp("A Hugging Face folder with the weights.", valueName: "dir"))
  var model: String?

  @Option(help: "What values are stored in: float32, bfloat16 or float16.")
  var precision = "float32"

  @Flag(help: "Holds the same faults against the rules of other tools.")
  var peers = false

  @Flag(help: "Prints one JSON object.")
  var json = false

  func validate() throws {
    guard let precision = Precision(name: precision), precision.type != .float64 else {
      throw ValidationError("--precision must be float32, bfloat16 or float16.")
    }
    if peers, precision != .float32 { throw ValidationError("--peers compares float32 runs only.") }
  }

  func run() throws {
    let finder = try WeightsFinder(model: model)
    let goldens = try paths.flatMap { try GoldenSearch.goldens(at: $0) }
    guard !goldens.isEmpty else {
      Console.error(
        "touchstone: there is no golden at \(paths.joined(separator: ", ")), so nothing was planted")
      throw ExitCode(3)
    }
    let progress = Progress()
    var (tables, peerTables) = ([PowerTable](), [PeerTable]())
    for path in goldens {
      progress.show("planting faults in \(path)")
      let golden = try ActivationFile(path: path)
      let weights = try finder.weights(for: golden)
      let table = try PowerTable(
        weights: weights, inputs: golden.inputs, precision: Precision(name: precision) ?? .float32)
      tables.append(table)
      guard peers else { continue }
      peerTables.append(
        try PeerTable(weights: weights, inputs: golden.inputs, power: table) {
          progress.show("\(path): \($0)")
        })
    }
    progress.end()
    let report = PowerReport(
      table: .merged(tables), goldenCount: goldens.count, peers: peers ? .merged(peerTables) : nil)
    Console.line(json ? try report.json() : report.text)
  }
}
