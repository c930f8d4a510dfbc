import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

/// Norms of rows whose numbers are all equal: all of x̂ is rounding, and so is most of the variance.
@Suite struct UnvaryingRowTests {
  /// Seeds whose embeddings have such rows, with the arithmetic that shows most: a thousand of a model and its place in the
  /// list of arithmetics.
  @Test(
    .clause("BND-6"), .clause("BND-53"),
    arguments: [31018, 35000, 35022, 39004, 43030, 47012, 47013, 55016, 55018, 63004] as [UInt64])
  func theirGradientsAreWithinTheBounds(_ seed: UInt64) throws {
    let arithmetic = HonestArithmetic.ofFamilies[Int(seed % 1000)]
    let training = try BackwardTests.Training(seed: seed, kind: .repetitive)
    let capture = try RecordedActivations(
      of: HonestTransformer(training.weights, arithmetic), inputs: training.inputs)
    let read = training.weights.graph.operations.flatMap { operation in
      operation.kind.isNormGradient ? operation.inputs.prefix(1) : []
    }
    let isUnvarying = read.contains { activation in
      capture.tensors[activation].map { tensor in
        (0..<tensor.rowCount).contains { row in Set(tensor.row(row)).count == 1 }
      } ?? false
    }
    #expect(isUnvarying, "\(training) has no row to be judged")
    let verdict = try Judge(weights: training.weights).verdict(on: capture)
    #expect(verdict.outcome == .consistent, "\(arithmetic) \(training): \(verdict.flagged)")
  }
}

extension TouchstoneGraph.Operation.Kind {
  fileprivate var isNormGradient: Bool {
    if case .normGradient = self { true } else { false }
  }
}
