import Testing
import TouchstoneConformance
import TouchstoneProperties

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
  let again = PropertyRun.replay(seed: found.seed, test: Test.current?.name ?? "SpecificationTests")
  Issue.record("\(name): \(found); again: \(again)", sourceLocation: sourceLocation)
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
package func failure(of property: ModelProperty, by engine: Engine, cases: Int) -> ConformanceFailure? {
  var named = engine
  named.test = Test.current?.name ?? "SpecificationTests"
  guard case .failed(let failure) = property.outcome(for: named, cases: cases) else { return nil }
  return failure
}
