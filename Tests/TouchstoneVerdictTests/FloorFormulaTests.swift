import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// Without weights a row may stray by ten times the golden's floor: neither less nor more.
@Suite struct FloorFormulaTests {
  @Test(
    .clause("BND-14"), arguments: [(9.9, Verdict.Outcome.consistent), (10.1, .mismatch), (25, .mismatch)])
  func endToEndARowMayStrayByTenTimesTheGoldensFloor(_ times: Double, _ outcome: Verdict.Outcome) throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let golden = try Golden(weights, inputs)
    let point = Activation(.logits)
    let floor = try #require(golden.floor[point])
    for row in [0, inputs.count - 1] {
      var logits = try #require(golden.recorded.tensors[point])
      for column in 0..<logits.rowWidth {
        logits[row, column] += times * floor.values[row] * (column % 2 == 0 ? 1 : -1)
      }
      let capture = RecordedActivations(
        graph: weights.graph, inputs: inputs, tensors: [point: logits])
      let verdict = try Judge(weights: nil).verdict(on: capture, golden: golden)
      #expect(verdict.outcome == outcome && verdict.method == .floor, "row \(row)")
      let finding = try #require(verdict.findings.first)
      #expect(abs(finding.ratio - times / 10) <= 1e-6 * times && finding.index.first == row)
    }
  }
}
