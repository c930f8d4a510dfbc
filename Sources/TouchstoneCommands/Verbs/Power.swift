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
      Each fault is planted at every operation that it can spoil, in float32, and judged as a capture would be. A \
      fault that changes nothing on these inputs is not counted; one that changes less than rounding may is \
      listed as not seen.

      Example:
        touchstone power golden/cases/tiny-odd.h5
      """)

  @Argument(help: ArgumentHelp("Goldens, or folders of them.", valueName: "path"))
  var paths: [String] = ["golden"]

  @Option(help: ArgumentHelp("A Hugging Face folder with the weights.", valueName: "dir"))
  var model: String?

  @Flag(help: "Prints one JSON object.")
  var json = false

  func run() throws {
    let finder = try WeightsFinder(model: model)
    let goldens = try paths.flatMap { try GoldenSearch.goldens(at: $0) }
    guard !goldens.isEmpty else {
      Console.error(
        "touchstone: there is no golden at \(paths.joined(separator: ", ")), so nothing was planted")
      throw ExitCode(3)
    }
    let progress = Progress()
    let tables = try goldens.map { path in
      progress.show("planting faults in \(path)")
      let golden = try ActivationFile(path: path)
      return try PowerTable(weights: finder.weights(for: golden), inputs: golden.inputs)
    }
    progress.end()
    let table = PowerTable.merged(tables)
    Console.line(json ? try jsonText(table) : text(table, goldenCount: goldens.count))
  }

  private func text(_ table: PowerTable, goldenCount: Int) -> String {
    var lines = ["family        visible  caught   share  proven"]
    for (family, count) in table.byFamily.map({ ($0.family.rawValue, $0.count) }) + [("all", table.total)] {
      let share = (100 * count.share).formatted(.number.precision(.fractionLength(1))) + "%"
      let cells = ["\(count.visible)", "\(count.caught)", share, "\(count.proven)"]
      let widths = [7, 6, 6, 6]
      let padded = zip(cells, widths).map { cell, width in
        String(repeating: " ", count: max(0, width - cell.count)) + cell
      }
      lines.append(family.padding(toLength: 14, withPad: " ", startingAt: 0) + padded.joined(separator: "  "))
    }
    let goldens = goldenCount == 1 ? "this golden" : "these \(goldenCount) goldens"
    let survivors = table.survivors
    lines.append("")
    lines.append(
      survivors.isEmpty
        ? "\(goldens) would show every fault that changes anything here"
        : "visible, but never seen by \(goldens): " + survivors.joined(separator: ", "))
    return lines.joined(separator: "\n")
  }

  private func jsonText(_ table: PowerTable) throws -> String {
    struct Line: Encodable { let visible, caught, proven: Int }
    struct Document: Encodable {
      let families: [String: Line]
      let survivors: [String]
      let total: Line
    }
    func line(_ count: PowerTable.Count) -> Line {
      Line(visible: count.visible, caught: count.caught, proven: count.proven)
    }
    let families = Dictionary(
      uniqueKeysWithValues: table.byFamily.map { ($0.family.rawValue, line($0.count)) })
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let document = Document(families: families, survivors: table.survivors, total: line(table.total))
    return String(decoding: try encoder.encode(document), as: UTF8.self)
  }
}
