import Foundation
import TouchstoneProperties

/// How many cases of every property are tried, and from which seed: fixed every day, chosen by the environment.
package enum PropertyRun {
  /// The first case's seed: `TOUCHSTONE_SEED`, or 0.
  package static let seed = number("TOUCHSTONE_SEED") ?? 0
  /// The number of cases: `TOUCHSTONE_CASES`, or nil for what the test says.
  package static let cases = number("TOUCHSTONE_CASES").flatMap { Int(exactly: $0) }

  private static func number(_ name: String) -> UInt64? {
    ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
  }

  /// The command that runs the case of a seed again, as the first and only one of a test.
  package static func replay(seed: UInt64, test: String) -> String {
    "TOUCHSTONE_SEED=\(seed) TOUCHSTONE_CASES=1 swift test --filter \(test.prefix { $0 != "(" })"
  }
}

extension Engine {
  /// An engine of another package, which is run on a golden by whatever program it has.
  init(_ name: String, test: String, make: @escaping @Sendable (Weights) throws -> any Transformer) {
    self.init(
      name, test: test, isStrict: false,
      verifyCommand: { "touchstone verify \($0) --exec \"YOUR-PROGRAM {model} {golden} {capture}\"" },
      make: make)
  }
}
