import Foundation
import Testing
import TouchstoneGolden
import TouchstoneModel
import TouchstoneProperties
import TouchstoneReference

/// How many cases are tried, and from which seed: fixed every day, chosen by the environment.
package enum PropertyRun {
  /// The first case's seed: `TOUCHSTONE_SEED`, or 0.
  package static let seed = number("TOUCHSTONE_SEED") ?? 0
  /// The number of cases of every property: `TOUCHSTONE_CASES`, or what the test says.
  package static let cases = number("TOUCHSTONE_CASES").flatMap { Int(exactly: $0) }

  private static func number(_ name: String) -> UInt64? {
    ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
  }

  /// The command that runs the case of a seed again, as the first and only one of the running test.
  package static func replay(seed: UInt64) -> String {
    let test = Test.current?.name.prefix { $0 != "(" } ?? "SpecificationTests"
    return "TOUCHSTONE_SEED=\(seed) TOUCHSTONE_CASES=1 swift test --filter \(test)"
  }
}

/// Expects that `violation` finds nothing wrong with any generated case.
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
  Issue.record(
    "\(name): \(found); again: \(PropertyRun.replay(seed: found.seed))", sourceLocation: sourceLocation)
}

/// Expects that an implementation has a property on generated models.
package func expectHolds(
  _ property: ModelProperty, by engine: Engine, cases: Int, sourceLocation: SourceLocation = #_sourceLocation
) {
  if let failure = failure(of: property, by: engine, cases: cases) {
    Issue.record("\(failure)", sourceLocation: sourceLocation)
  }
}

/// What to say of a property that an implementation does not have; nil where it has.
///
/// The smallest model on which it fails is written as a golden.
package func failure(of property: ModelProperty, by engine: Engine, cases: Int) -> String? {
  let found = property.counterexample(by: engine, seed: PropertyRun.seed, count: PropertyRun.cases ?? cases)
  guard let found else { return nil }
  var message = "\(engine.name): \(property.name): \(found)"
  message += "; again: \(PropertyRun.replay(seed: found.seed))"
  do {
    let path = try writeGolden(of: found.smallest, name: "\(engine.name) \(property.name) \(found.seed)")
    message += "; by itself: touchstone verify \(path)"
  } catch {
    message += "; its golden cannot be written: \(error)"
  }
  return message
}

/// Writes a generated case with its weights and what the reference makes of it.
///
/// - Returns: the path, below `.build/counterexamples` of the checkout.
/// - Throws: `BadInput` when the disk refuses it.
package func writeGolden(of generated: ModelCase, name: String) throws -> String {
  let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent(".build/counterexamples")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  let plain = name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
  let path = folder.appendingPathComponent(String(plain) + ".h5").path
  let weights = try generated.model().weights()
  let inputs = try generated.inputs()
  let writer = try ActivationFileWriter(
    path: path, kind: .golden, configuration: weights.configuration, inputs: inputs,
    weightsDigest: WeightsDigest.of(weights),
    provenance: ["producer": "touchstone", "implementation": "reference", "precision": "float64"],
    overwrite: true)
  try writer.writeWeights(weights)
  try ReferenceTransformer(weights).forward(inputs) { try writer.write($0, $1) }
  try writer.finish()
  return path
}
