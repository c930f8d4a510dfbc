import Foundation
import TouchstoneFaults

extension PowerReport {
  /// For a program.
  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return String(decoding: try encoder.encode(PowerDocument(self)), as: UTF8.self)
  }
}

/// The JSON form of a report of planted faults.
private struct PowerDocument: Encodable {
  struct Line: Encodable {
    let visible, caught, located, proven: Double
    let beyondPolicy, caughtBeyondPolicy: Double

    init(_ count: PowerTable.Count) {
      (visible, caught, located, proven) = (count.visible, count.caught, count.located, count.proven)
      (beyondPolicy, caughtBeyondPolicy) = (count.beyondPolicy, count.caughtBeyondPolicy)
    }
  }
  struct Missed: Encodable {
    let visible, caught: Double
    let notStored: Int
    let overStat: Double
    let deviations: Double?
  }
  struct Rule: Encodable {
    let rule: String
    let honestFlagged, honestRuns, faultsCaught, faultsCaughtAtBest, faults: Int
  }
  struct Causes: Encodable {
    let runs, flagged, located, named, right, wrong, namedWithoutClass, readWithoutClass: Int
  }
  struct Pairs: Encodable {
    let runs, bothFlagged, bothNamed: Int
  }

  let families: [String: Line]
  let missed: [String: Missed]
  let survivors: [String]
  let totals: [String: Line]
  let peers: [Rule]?
  let causes: Causes?
  let pairs: Pairs?

  init(_ report: PowerReport) {
    let table = PowerTable.merged(report.tables.map(\.table))
    families = Dictionary(uniqueKeysWithValues: table.byFamily().map { ($0.family.rawValue, Line($0.count)) })
    missed = Dictionary(
      uniqueKeysWithValues: table.missed.map {
        (
          $0.fault,
          Missed(
            visible: $0.count.visible, caught: $0.count.caught, notStored: $0.notStored, overStat: $0.ratio,
            deviations: $0.deviations)
        )
      })
    survivors = table.survivors
    totals = Dictionary(
      uniqueKeysWithValues: PowerTable.Weighting.allCases.map { ($0.rawValue, Line(table.total($0))) })
    let rules = PeerTable.merged(report.peers)
    peers =
      report.peers.isEmpty
      ? nil
      : rules.lines.map {
        Rule(
          rule: $0.rule, honestFlagged: $0.flagged, honestRuns: rules.honestCount, faultsCaught: $0.caught,
          faultsCaughtAtBest: $0.caughtAtBest, faults: rules.faultCount)
      }
    let named = CauseTable.merged(report.causes)
    causes =
      report.causes.isEmpty
      ? nil
      : Causes(
        runs: named.entries.count, flagged: named.count { $0.flagged != nil },
        located: named.count(where: \.isLocated), named: named.count { !$0.named.isEmpty },
        right: named.count(where: \.isRight), wrong: named.count(where: \.isWrong),
        namedWithoutClass: named.count { !$0.namedWithout.isEmpty },
        readWithoutClass: named.count(where: \.isReadWithout))
    let both = PairTable.merged(report.pairs)
    pairs =
      report.pairs.isEmpty
      ? nil
      : Pairs(
        runs: both.entries.count, bothFlagged: both.entries.count(where: \.isComplete),
        bothNamed: both.entries.count { $0.isComplete && $0.isNamed })
  }
}
