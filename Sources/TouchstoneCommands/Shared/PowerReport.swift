import Foundation
import TouchstoneFaults

/// Tables of planted faults, as text or as JSON.
struct PowerReport {
  let goldenCount: Int
  let isRandom: Bool
  var tables: [(group: String, table: PowerTable)] = []
  var peers: [PeerTable] = []
  var causes: [CauseTable] = []
  var pairs: [PairTable] = []

  /// For a person: family by family, fault by fault where some were missed, rule by rule.
  var text: String {
    let table = PowerTable.merged(tables.map(\.table))
    var blocks = [familyLines(table)]
    if tables.count > 1 { blocks.append(groupLines) }
    blocks.append(missedLines(table))
    if !causes.isEmpty { blocks.append(contentsOf: CauseReport(.merged(causes)).blocks) }
    if !pairs.isEmpty { blocks.append(CauseReport.pairLines(.merged(pairs))) }
    if !peers.isEmpty { blocks.append(peerLines(.merged(peers))) }
    return blocks.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
  }

  /// In 16 bits there is a policy too, and how many faults change more than it allows.
  private var titles: [String] {
    ["visible", "caught", "share", "located", "share", "proven"]
      + (isOfPolicies ? ["beyond", "caught", "share"] : [])
  }

  private var isOfPolicies: Bool { tables.contains { $0.table.total().beyondPolicy > 0 } }

  private func familyLines(_ table: PowerTable) -> [String] {
    var lines = [row("family", titles)]
    for (family, count) in table.byFamily() { lines.append(row(family.rawValue, cells(count))) }
    for weighting in PowerTable.Weighting.allCases {
      lines.append(row("all, \(weighting.rawValue)", cells(table.total(weighting))))
    }
    return lines
  }

  /// Golden by golden, or kind by kind of random models.
  private var groupLines: [String] {
    let groups = Dictionary(grouping: tables, by: \.group).mapValues { PowerTable.merged($0.map(\.table)) }
    let width = groups.keys.map(\.count).max() ?? 0
    return [row(isRandom ? "kind of model" : "golden", titles, width: width)]
      + groups.sorted { $0.key < $1.key }.map { row($0.key, cells($0.value.total()), width: width) }
  }

  /// What was missed, and why: by how much it is below rounding, or that no stored value shows it.
  private func missedLines(_ table: PowerTable) -> [String] {
    var lines = [
      "not caught: \(table.entryCount(.belowRounding)) below rounding, \(table.entryCount(.notStored)) that change no "
        + "stored value; not counted: \(table.entryCount(.equivalent)) without effect on these inputs, "
        + "\(table.entryCount(.impossible)) without a place in these models"
    ]
    let total = table.total()
    if total.beyondPolicy > 0 {
      lines.append(
        "change a stored value by more than the policy allows that the runs without a fault show: "
          + "\(whole(total.beyondPolicy)), of which caught \(whole(total.caughtBeyondPolicy)), "
          + "\(number(100 * total.shareBeyondPolicy, digits: 1))%")
    }
    lines.append("")
    let missed = table.missed
    if !missed.isEmpty {
      lines.append(
        row("missed at some site", ["visible", "caught", "share"]) + "  unstored  over stat  deviations")
    }
    for fault in missed {
      let notStored = fault.notStored == 0 ? "" : "\(fault.notStored)"
      let deviations = fault.deviations.map { number($0, digits: 1) } ?? ""
      lines.append(
        row(fault.fault, Array(cells(fault.count).prefix(3)))
          + [notStored, number(fault.ratio, digits: 2), deviations].enumerated().map {
            padded($1, width: [10, 11, 12][$0])
          }.joined())
    }
    let goldens =
      (goldenCount == 1 ? "this " : "these \(goldenCount) ") + (isRandom ? "model" : "golden")
      + (goldenCount == 1 ? "" : "s")
    lines += table.falseAlarms.map {
      "flagged without any fault: \($0.activation), \(number($0.ratio, digits: 2)) times its bound at \($0.index)"
    }
    if !missed.isEmpty { lines.append("") }
    lines.append(
      table.survivors.isEmpty
        ? "every fault that changes anything is seen somewhere in \(goldens)"
        : "visible, but never seen by \(goldens): " + table.survivors.joined(separator: ", "))
    return lines
  }

  private func peerLines(_ table: PeerTable) -> [String] {
    [
      "On the logits of \(table.honestCount) honest runs and \(table.faultCount) runs with one fault; the last column "
        + "is what the tightest threshold that flags none of these honest runs would catch.",
      "", "| rule | honest runs flagged | faults caught | at best |", "|---|---|---|---|",
    ]
      + table.lines.map {
        "| \($0.rule) | \($0.flagged) | \(percent($0.caught, of: table.faultCount)) "
          + "| \(percent($0.caughtAtBest, of: table.faultCount)) |"
      }
  }

  private func cells(_ count: PowerTable.Count) -> [String] {
    [
      whole(count.visible), whole(count.caught), number(100 * count.share, digits: 1) + "%",
      whole(count.located), number(100 * count.locatedShare, digits: 1) + "%", whole(count.proven),
    ]
      + (isOfPolicies
        ? [
          whole(count.beyondPolicy), whole(count.caughtBeyondPolicy),
          number(100 * count.shareBeyondPolicy, digits: 1) + "%",
        ]
        : [])
  }

  private func whole(_ value: Double) -> String {
    String(Int(value.rounded()))
  }

  private func number(_ value: Double, digits: Int) -> String {
    value.formatted(.number.precision(.fractionLength(digits)).grouping(.never))
  }

  private func percent(_ part: Int, of all: Int) -> String { CauseReport.percent(part, of: all) }

  private func padded(_ cell: String, width: Int) -> String {
    String(repeating: " ", count: max(0, width - cell.count)) + cell
  }

  private func row(_ name: String, _ cells: [String], width: Int = 0) -> String {
    let cells = zip(cells, [7, 7, 6, 7, 6, 7, 7, 7, 6]).map { padded($0, width: $1) }
    return name.padding(toLength: max(36, width, name.count), withPad: " ", startingAt: 0)
      + cells.joined(separator: "  ")
  }
}
