import Foundation
import Testing
import TouchstoneFaults
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

private typealias Operation = TouchstoneGraph.Operation

/// The probes by themselves show what any golden of the package shows, of every family.
@Suite struct ProbeCoverageTests {
  private static let cases = BundledFolder.names(in: "cases").filter { $0.hasPrefix("tiny-") }

  /// At each kind of operation what changes anything, and at each of its forms what is caught.
  ///
  /// Every sixteenth golden; `TOUCHSTONE_EXHAUSTIVE=1` takes all.
  @Test(
    .clause("GRA-1"),
    arguments: everyday(cases, each: 16, from: 2))
  func whatAGoldenShowsAProbeShows(_ name: String) throws {
    let seen = try BundledFolder.probes.get().reduce(into: Set<String>()) { seen, probe in
      seen.formUnion(Self.shown(by: probe.table, of: probe.graph, onlyCaught: true))
    }
    let golden = try BundledFolder.table(of: "cases/\(name)")
    let wanted = Self.shown(by: golden.table, of: golden.graph, onlyCaught: false)
    #expect(wanted.count > 500)
    #expect(wanted.subtracting(seen).isEmpty, "\(wanted.subtracting(seen).sorted())")
  }

  /// Every fault that changes anything with the operation, and every one that is caught with the operation's form.
  private static func shown(by table: PowerTable, of graph: Graph, onlyCaught: Bool) -> Set<String> {
    var shown = Set<String>()
    for entry in table.entries where onlyCaught ? entry.isCaught : entry.isVisible {
      shown.insert("\(entry.fault) at \(entry.kind)")
      guard entry.isCaught, !ofAnyForm.contains(entry.family), let made = graph.operation(making: entry.site)
      else { continue }
      for form in forms(of: made, in: graph) { shown.insert("\(entry.fault) at \(form)") }
    }
    return shown
  }

  /// What is lost in storing and moving numbers is lost in every form alike.
  private static let ofAnyForm: Set<Fault.Family> = [.weights, .tail, .staleness, .precision, .cache]

  /// How an operation differs from others of its kind, where its mistakes differ, too.
  private static func forms(of operation: Operation, in graph: Graph) -> [String] {
    let axes = graph.axes(of: operation.output) ?? []
    let rows = axes.count == 3 ? "each head" : "tokens"
    switch operation.kind {
    case .rmsNorm(let kind):
      return ["RMSNorm of \(kind.isJoined ? "all heads" : rows)"]
        + (kind.offset == 0 ? [] : ["RMSNorm, 1 + w"])
    case .layerNorm: return ["LayerNorm of \(rows)"]
    case .rotate(let kind):
      // Neighbours turn in part of a head, as GPT-J has them.
      let isPart = kind.width < axes.last?.extent(tokenCount: 1) ?? 0
      return ["frequencies: \("\(kind.frequencies.scaling)".prefix { $0 != "(" })"]
        + (isPart ? ["part of a head turning, \(kind.style.rawValue)"] : [])
    case .activationFunction(let kind): return [kind.function.rawValue]
    case .scores(let kind):
      let seen = kind.visibility
      return (operation.inputs.count > 2 ? ["biased scores"] : [])
        + [
          "scores of \(seen.readsSource ? "a source" : seen.isCausal ? "what came before" : "all")"
            + (seen.window == nil ? "" : ", in a window")
        ]
    case .relativeBias(let kind): return ["buckets \(kind.isBothWays ? "both ways" : "one way")"]
    case .sinusoid(let kind): return ["waves in \(kind.form)"]
    case .pickedRow(let kind): return ["a row picked by \("\(kind.rule)".prefix { $0 != "(" })"]
    case .routeIDs(let kind):
      return ["choices by \(kind.function), groups by \(kind.groups.map { "\($0.rule)" } ?? "none")"]
    case .routeWeights(let kind):
      return ["weights by \(kind.function), \(kind.isNormalised ? "adding up to 1" : "as they are")"]
    case .modulation(let kind): return [kind.shift == nil ? "a gate of a condition" : "scale and shift"]
    case .sum: return ["a sum of \(operation.inputs.count)"]
    case .alibi(let kind): return ["biases as of \(kind.form.rawValue)"]
    case .embedding(let kind): return ["rows from \(kind.offset) on\(kind.countsVisible ? ", counted" : "")"]
    default: return []
    }
  }
}
