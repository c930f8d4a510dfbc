import Foundation
import TouchstoneModel
import TouchstoneVerdict

/// What an earlier run found, golden by golden, to be held against a new one.
public struct Baseline: Sendable {
  /// How a golden stood.
  enum State: String {
    case consistent, unsupported, inconclusive, refused, mismatch

    /// From good to bad.
    var rank: Int {
      [.consistent, .unsupported, .inconclusive, .refused, .mismatch].firstIndex(of: self) ?? 0
    }
    var inWords: String { self == .mismatch ? "a mismatch" : rawValue }
  }

  /// An operation that was flagged.
  struct Flagged: Equatable {
    let zone: String
    let ratio: Double
  }

  /// One golden.
  struct Entry {
    let state: State
    var flagged: [String: Flagged] = [:]
  }

  let entries: [String: Entry]

  /// The zones from mild to grave.
  private static let zones = [Zone.consistent, .suspect, .fail, .proven].map(\.rawValue)
  /// An error is said to have grown from this on: orders of summation alone move it by less.
  private static let growth = 2.0

  /// Reads what ``VerificationSummary/baseline()`` or ``VerificationSummary/json()`` wrote.
  ///
  /// - Throws: ``BadInput`` for any other text.
  public init(_ text: Data, file: String) throws(BadInput) {
    let document = try JSONValue.parse(text, file: file)
    func malformed(_ place: String) -> BadInput {
      BadInput(
        file: file, place: place, problem: "is not what `touchstone verify` writes as a baseline",
        remedy: "record it again by --record all")
    }
    guard let list = document.array else { throw malformed("document") }
    var entries: [String: Entry] = [:]
    for (index, value) in list.enumerated() {
      guard let members = value.object, let golden = members["golden"]?.string,
        let state = Self.state(members), entries[golden] == nil
      else { throw malformed("entry \(index)") }
      var entry = Entry(state: state)
      for flagged in members["flagged"]?.array ?? [] {
        guard let flagged = flagged.object, let path = flagged["path"]?.string,
          let zone = flagged["zone"]?.string, Self.zones.contains(zone)
        else { throw malformed("entry \(index), flagged") }
        entry.flagged[path] = Flagged(zone: zone, ratio: flagged["ratio"]?.double ?? .infinity)
      }
      entries[golden] = entry
    }
    self.entries = entries
  }

  private static func state(_ members: [String: JSONValue]) -> State? {
    if members["error"]?.string != nil { return .refused }
    guard let verdict = members["verdict"] else { return nil }
    if verdict == .null { return .unsupported }
    return verdict.string.flatMap(State.init)
  }

  /// What a run makes worse and what it mends.
  public func compared(with run: VerificationSummary) -> BaselineComparison {
    var result = BaselineComparison()
    for entry in run.entries {
      let now = entry.standing
      guard let then = entries[entry.golden] else {
        if now.state == .consistent { continue }
        result.worse.append((entry.golden, "is \(now.state.inWords) and not in the baseline"))
        continue
      }
      if now.state.rank > then.state.rank {
        result.worse.append((entry.golden, "was \(then.state.inWords), is \(now.state.inWords)"))
      } else if now.state.rank < then.state.rank {
        result.mended.append((entry.golden, "was \(then.state.inWords), is \(now.state.inWords)"))
      } else {
        let worse = Self.grown(from: then.flagged, to: now.flagged)
        let mended = Self.grown(from: now.flagged, to: then.flagged)
        if !worse.isEmpty {
          result.worse.append((entry.golden, Self.sentence(worse, then.flagged, now.flagged)))
        }
        if !mended.isEmpty {
          result.mended.append((entry.golden, Self.sentence(mended, then.flagged, now.flagged)))
        }
      }
    }
    result.missing = Set(entries.keys).subtracting(run.entries.map(\.golden)).sorted()
    return result
  }

  /// The operations that are flagged in `after` and were not, or not so gravely, in `before`.
  private static func grown(from before: [String: Flagged], to after: [String: Flagged]) -> [String] {
    after.filter { path, now in
      guard let then = before[path] else { return true }
      let (old, new) = (zones.firstIndex(of: then.zone) ?? 0, zones.firstIndex(of: now.zone) ?? 0)
      return new > old || new == old && !(now.ratio <= growth * then.ratio)
    }.keys.sorted()
  }

  private static func sentence(_ paths: [String], _ then: [String: Flagged], _ now: [String: Flagged])
    -> String
  {
    func standing(_ flagged: Flagged?) -> String {
      flagged.map { "\($0.zone) (\(ratioText($0.ratio)))" } ?? "consistent"
    }
    let path = paths[0]
    let others = paths.count > 1 ? ", and \(counted(paths.count - 1, "other operation"))" : ""
    return "\(path) was \(standing(then[path])), is \(standing(now[path]))\(others)"
  }
}

/// How a run stands beside an earlier one.
public struct BaselineComparison: Sendable {
  /// Goldens that stand worse, and in what.
  public internal(set) var worse: [(golden: String, what: String)] = []
  /// Goldens that stand better, and in what.
  public internal(set) var mended: [(golden: String, what: String)] = []
  /// Goldens of the baseline that were not verified.
  public internal(set) var missing: [String] = []

  /// A line for each, and the count.
  public var lines: [String] {
    let totals = "beside the baseline: \(worse.count) worse, \(mended.count) mended"
    return worse.map { "worse: \($0.golden) \($0.what)" } + mended.map { "mended: \($0.golden) \($0.what)" }
      + missing.map { "missing: \($0) is in the baseline and was not verified" }
      + [totals + (missing.isEmpty ? "" : ", \(missing.count) missing")]
  }
}

extension VerificationSummary {
  /// What a later run is held against: for each golden its verdict, and what was flagged.
  public func baseline() -> String {
    let list = entries.map { entry -> OrderedJSON in
      let now = entry.standing
      return .object([
        ("golden", .string(entry.golden)),
        ("verdict", [.refused, .unsupported].contains(now.state) ? .null : .string(now.state.rawValue)),
        ("error", now.state == .refused ? .string(entry.finding) : .null),
        (
          "flagged",
          .array(
            now.flagged.sorted { $0.key < $1.key }.map { path, flagged in
              .object([
                ("path", .string(path)), ("zone", .string(flagged.zone)), ("ratio", .number(flagged.ratio)),
              ])
            })
        ),
      ])
    }
    return OrderedJSON.array(list).text() + "\n"
  }
}

extension VerificationSummary.Entry {
  /// How it stands, as a baseline says it.
  var standing: Baseline.Entry {
    switch self {
    case .refused: return Baseline.Entry(state: .refused)
    case .unsupported: return Baseline.Entry(state: .unsupported)
    case .judged(let report):
      let state: Baseline.State =
        switch report.verdict.outcome {
        case .consistent: .consistent
        case .mismatch: .mismatch
        case .inconclusive: .inconclusive
        }
      let flagged = report.verdict.flagged.map { finding in
        (finding.activation.path, Baseline.Flagged(zone: finding.zone.rawValue, ratio: finding.ratio))
      }
      return Baseline.Entry(state: state, flagged: Dictionary(flagged) { first, _ in first })
    }
  }
}
