import Foundation
import TouchstoneFaults

/// A table of planted faults, as text or as JSON.
struct PowerReport {
  let table: PowerTable
  let goldenCount: Int
  let peers: PeerTable?

  /// For a person: family by family, fault by fault where some were missed, rule by rule.
  var text: String {
    var lines = [row("family", ["visible", "caught", "share", "proven"])]
    for (family, count) in table.byFamily() { lines.append(row(family.rawValue, cells(count))) }
    for weighting in PowerTable.Weighting.allCases {
      lines.append(row("all, \(weighting.rawValue)", cells(table.total(weighting))))
    }
    let reasons = table.reasons
    lines += [
      "",
      "not caught: \(reasons.belowRounding) below rounding; not counted: \(reasons.equivalent) without effect on these "
        + "inputs, \(reasons.impossible) without a place in these models",
    ]
    if !table.missed.isEmpty {
      lines += ["", row("missed at some site", ["visible", "caught", "share", "proven"])]
      lines += table.missed.map { row($0.fault, cells($0.count)) }
    }
    let goldens = goldenCount == 1 ? "this golden" : "these \(goldenCount) goldens"
    lines.append("")
    lines.append(
      table.survivors.isEmpty
        ? "every fault that changes anything is seen somewhere in \(goldens)"
        : "visible, but never seen by \(goldens): " + table.survivors.joined(separator: ", "))
    if let peers {
      lines += ["", "| rule, on the logits | honest runs flagged | faults caught |", "|---|---|---|"]
      lines += peers.lines.map {
        "| \($0.rule) | \($0.flagged) of \(peers.honestCount) | \(percent($0.caught, of: peers.faultCount)) |"
      }
    }
    return lines.joined(separator: "\n")
  }

  /// For a program.
  func json() throws -> String {
    let document = Document(
      families: Dictionary(
        uniqueKeysWithValues: table.byFamily().map { ($0.family.rawValue, Document.Line($0.count)) }),
      missed: Dictionary(uniqueKeysWithValues: table.missed.map { ($0.fault, Document.Line($0.count)) }),
      peers: peers.map { peers in
        peers.lines.map {
          Document.Rule(
            rule: $0.rule, honestFlagged: $0.flagged, honestRuns: peers.honestCount, faultsCaught: $0.caught,
            faults: peers.faultCount)
        }
      },
      survivors: table.survivors,
      totals: Dictionary(
        uniqueKeysWithValues: PowerTable.Weighting.allCases.map {
          ($0.rawValue, Document.Line(table.total($0)))
        }))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return String(decoding: try encoder.encode(document), as: UTF8.self)
  }

  private struct Document: Encodable {
    struct Line: Encodable {
      let visible, caught, proven: Double

      init(_ count: PowerTable.Count) {
        (visible, caught, proven) = (count.visible, count.caught, count.proven)
      }
    }
    struct Rule: Encodable {
      let rule: String
      let honestFlagged, honestRuns, faultsCaught, faults: Int
    }
    let families, missed: [String: Line]
    let peers: [Rule]?
    let survivors: [String]
    let totals: [String: Line]
  }

  private func cells(_ count: PowerTable.Count) -> [String] {
    let share = (100 * count.share).formatted(.number.precision(.fractionLength(1))) + "%"
    return [whole(count.visible), whole(count.caught), share, whole(count.proven)]
  }

  private func whole(_ value: Double) -> String {
    String(Int(value.rounded()))
  }

  private func percent(_ part: Int, of all: Int) -> String {
    let share = all == 0 ? 100 : 100 * Double(part) / Double(all)
    return share.formatted(.number.precision(.fractionLength(1))) + " %"
  }

  private func row(_ name: String, _ cells: [String]) -> String {
    let padded = zip(cells, [7, 7, 6, 7]).map { cell, width in
      String(repeating: " ", count: max(0, width - cell.count)) + cell
    }
    let width = max(36, name.count)
    return name.padding(toLength: width, withPad: " ", startingAt: 0) + padded.joined(separator: "  ")
  }
}
