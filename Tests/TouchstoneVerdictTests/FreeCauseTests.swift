import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// How near a free run must come to what was recorded to be named.
@Suite struct FreeCauseTests {
  @Test(arguments: [(0.0, true), (0.9, true), (9, false), (15, false)])
  func aFaultIsNamedWithinTwiceTheNoise(_ times: Double, _ isNamed: Bool) throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let golden = try Golden(weights, inputs)
    let point = Activation(.logits)
    let fault = try #require(Fault.named("attention.no-scale"))
    let planted = RecordedActivations(
      weights: weights, inputs: inputs, planting: [Activation(.attentionScores, layer: 0): fault])
    var logits = try #require(planted.tensors[point])
    let floor = try #require(golden.floor[point])
    for row in 0..<logits.rowCount {
      for column in 0..<logits.rowWidth {
        logits[row, column] += times * floor.values[row] * (column % 2 == 0 ? 1 : -1)
      }
    }
    let capture = RecordedActivations(
      graph: weights.graph, inputs: inputs, tensors: [point: logits])
    let verdict = try Judge(weights: weights, depth: .diagnosed(catalogue: [fault]))
      .verdict(on: capture, golden: golden)
    #expect(verdict.outcome == .mismatch)
    #expect((verdict.cause?.id == fault.id) == isNamed, "\(verdict.cause.map { "\($0)" } ?? "none")")
  }
}
