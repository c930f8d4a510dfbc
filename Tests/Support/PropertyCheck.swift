import Foundation
import Testing
import TouchstoneProperties

/// How many cases are tried, and from which seed: fixed every day, chosen by the environment.
public enum PropertyRun {
  /// The first case's seed: `TOUCHSTONE_SEED`, or 0.
  public static let seed = number("TOUCHSTONE_SEED") ?? 0
  /// The number of cases of every property: `TOUCHSTONE_CASES`, or what the property says.
  public static let cases = number("TOUCHSTONE_CASES").flatMap { Int(exactly: $0) }

  private static func number(_ name: String) -> UInt64? {
    ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
  }

  /// The command that runs a failing case again, as the first and only one.
  public static func replay(seed: UInt64, filter: String) -> String {
    "TOUCHSTONE_SEED=\(seed) TOUCHSTONE_CASES=1 swift test --filter \(filter)"
  }
}

/// Expects that `violation` finds nothing wrong with any of `cases` generated cases.
///
/// - Parameters:
///   - name: what holds, for the failure's message.
///   - cases: how many to try unless the environment says otherwise.
package func expectHolds<Case: Generated>(
  _ name: String, of type: Case.Type = Case.self, cases: Int = 200,
  sourceLocation: SourceLocation = #_sourceLocation, violation: (Case) throws -> String?
) {
  let found = counterexample(
    among: Case.self, seed: PropertyRun.seed, count: PropertyRun.cases ?? cases, violation: violation)
  guard let found else { return }
  let test = Test.current?.name.prefix { $0 != "(" } ?? "SpecificationTests"
  Issue.record(
    "\(name): \(found); again: \(PropertyRun.replay(seed: found.seed, filter: String(test)))",
    sourceLocation: sourceLocation)
}
