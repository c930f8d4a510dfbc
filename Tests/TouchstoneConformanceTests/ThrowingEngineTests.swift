import Testing
import TouchstoneGraph
import TouchstoneModel

@testable import TouchstoneConformance

@Suite struct ThrowingEngineTests {
  /// An engine that fails on a generated model lacks the property; one that says it offers too little does not.
  @Test func whatAnEngineThrowsInAPropertyIsItsFailure() throws {
    for check in ConformanceCheck.properties.prefix(3) {
      let failed = try check.outcome { Throwing($0) { BadInput(problem: "out of memory") } }
      #expect("\(failed)".contains("out of memory"), "\(check): \(failed)")
      guard case .failed = failed else {
        Issue.record("\(check): \(failed)")
        return
      }
      guard case .notChecked = try check.outcome({ Throwing($0) { NotImplemented("masks") } }) else {
        Issue.record("\(check) does not say that it was not made")
        return
      }
    }
  }
}

/// An engine that only throws.
private struct Throwing: Transformer {
  let graph: Graph
  let error: @Sendable () -> any Error

  init(_ weights: Weights, error: @escaping @Sendable () -> any Error) {
    graph = weights.graph
    self.error = error
  }

  func forward(_ inputs: Inputs, observe: (Activation, Tensor<Float>) throws -> Void) throws { throw error() }
}
