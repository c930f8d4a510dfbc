import Foundation
import TouchstoneFaults

/// What whole verdicts named, of one fault and of two, as text.
struct CauseReport {
  private let table: CauseTable

  init(_ table: CauseTable) { self.table = table }

  /// The totals, the families, and every run that is not as it should be.
  var blocks: [[String]] { [totals, families, exceptions].filter { !$0.isEmpty } }

  private var totals: [String] {
    let flagged = table.count { $0.flagged != nil }
    let named = table.count { $0.flagged != nil && !$0.named.isEmpty }
    let open = table.entries.filter { $0.flagged != nil && $0.named.isEmpty }
    return [
      "whole runs, judged as diff does: \(table.entries.count), flagged \(flagged)",
      "located at operation and layer: \(Self.part(table.count(where: \.isLocated), of: flagged))",
      "cause named: \(Self.part(named, of: flagged)); rightly: "
        + "\(Self.part(table.count(where: \.isRight), of: named)), wrongly: \(table.count(where: \.isWrong))",
      "read off the numbers in its place (one weight and its values, another layout, what is wrong in a part alone): "
        + "\(open.count(where: \.isStructureTold)); neither: \(open.count { !$0.isStructureTold })",
      "the fault and its class taken out of the catalogue: read off the numbers "
        + "\(Self.part(table.count(where: \.isReadWithout), of: flagged)), named as another of the catalogue "
        + "\(Self.part(table.count { !$0.namedWithout.isEmpty }, of: flagged))",
    ]
  }

  private var families: [String] {
    ["family                flagged    named  read without it  another named without it"]
      + table.byFamily().map { family, runs in
        let cells = [
          "\(runs.count)", "\(runs.count(where: \.isRight))",
          Self.percent(runs.count(where: \.isReadWithout), of: runs.count),
          "\(runs.count { !$0.namedWithout.isEmpty })",
        ]
        return family.rawValue.padding(toLength: 20, withPad: " ", startingAt: 0)
          + zip(cells, [9, 9, 17, 26]).map { cell, width in
            String(repeating: " ", count: max(0, width - cell.count)) + cell
          }.joined()
      }
  }

  private var exceptions: [String] {
    func lines(_ what: String, _ runs: [CauseTable.Entry], more: (CauseTable.Entry) -> String) -> [String] {
      runs.map { "\(what): \($0.fault) at \($0.site)" + more($0) }
    }
    let flagged = table.entries.filter { $0.flagged != nil }
    return lines("mislocated", flagged.filter { !$0.isLocated }) {
      ", first flagged \($0.flagged?.path ?? "")"
    }
      + lines("wrongly named", flagged.filter(\.isWrong)) { " as \($0.named.joined(separator: ", "))" }
      + lines("named without it", flagged.filter { !$0.namedWithout.isEmpty }) {
        " as \($0.namedWithout.joined(separator: ", "))"
      }
      + lines("not named", flagged.filter { $0.named.isEmpty && !$0.isStructureTold }) { _ in "" }
      + lines("unknown without it", flagged.filter { $0.readWithout.isEmpty && $0.namedWithout.isEmpty }) {
        _ in
        ""
      }
  }

  /// How many pairs show as two, and each that does not.
  static func pairLines(_ table: PairTable) -> [String] {
    let complete = table.entries.filter(\.isComplete)
    return [
      "two faults at once, both operations flagged: \(part(complete.count, of: table.entries.count))",
      "of these both causes named, or read off the numbers: "
        + "\(part(complete.count(where: \.isNamed), of: complete.count)); one wrongly: "
        + "\(complete.count(where: \.isWrong))",
    ]
      + table.entries.filter { !$0.isComplete || !$0.isNamed || $0.isWrong }.map { entry in
        (entry.isComplete ? "not both named: " : "not both: ")
          + entry.faults.indices.map { index in
            let planted = entry.faults[index]
            let causes = entry.causes[index].joined(separator: ", ")
            let said = !entry.flagged[index] ? "not flagged" : causes.isEmpty ? "unknown" : causes
            return "\(planted.fault) at \(planted.site) (\(said))"
          }.joined(separator: " and ")
      }
  }

  static func percent(_ part: Int, of all: Int) -> String {
    let share = all == 0 ? 100 : 100 * Double(part) / Double(all)
    return share.formatted(.number.precision(.fractionLength(1)).grouping(.never)) + " %"
  }

  private static func part(_ part: Int, of all: Int) -> String {
    "\(part) of \(all), \(percent(part, of: all))"
  }
}
