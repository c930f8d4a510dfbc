import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// A row may stray by ten times its floor: neither less nor more.
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

  /// The root of the mean square over the row and over the passes, of judged elements alone.
  @Test(.clause("BND-14")) func theFloorOfARowIsTheRootMeanSquareOfItsPasses() {
    let exact = Tensor<Double>([1, 2, 3, 4, 5, 6], shape: [2, 3])
    let passes = [[0.1, -0.2, 9, 0, 0, 9], [0.3, 0.4, 9, 0.5, -0.5, 9]].map { errors in
      Tensor(zip(exact.values, errors).map(+), shape: [2, 3])
    }
    let isJudged = { (offset: Int) in offset % 3 < 2 }
    let floor = LocalFloor(exact: exact, noisy: passes, isJudged: isJudged)
    // (0.01 + 0.04)/2 and (0.09 + 0.16)/2; nothing and 0.25.
    for (row, want) in zip(floor.rows, [(0.025 + 0.125) / 2, 0.25 / 2]) {
      #expect(abs(row - want.squareRoot()) <= 1e-12)
    }
    var got = exact
    got.values[4] += 7 * floor.rows[1]
    got.values[2] += 1000
    let worst = floor.worst(got, exact, isJudged: isJudged)
    #expect(abs((worst?.ratio ?? 0) - 0.7 / 2.0.squareRoot()) <= 1e-9 && worst?.offset == 4)
    got.values[3] = .nan
    #expect(floor.worst(got, exact, isJudged: isJudged)?.ratio == .infinity)
  }
}
