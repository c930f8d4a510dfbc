import Testing
import TouchstoneGraph
import TouchstoneModel

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// Which causes are named together: only those that the capture cannot tell apart.
@Suite struct EquivalentCauseTests {
  /// Faults that move one element by so many bounds, of which one is what the capture holds.
  @Test(arguments: [
    // best, other, whether the other is the same here
    (0.0, 0.8, true), (0.0, -0.8, true), (-0.4, 1.2, true), (-0.9, 1.8, false), (0.0, 1.9, true),
    (-0.5, 1.6, false), (0.0, 2.1, false), (0.0, 10, false),
  ])
  func causesAreNamedTogetherOnlyWithinTwoBoundsOfTheBest(_ best: Double, _ other: Double, _ isSame: Bool)
    throws
  {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let point = Activation(.feedForwardOutput, layer: 1)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    let right = try #require(try Judge(weights: weights).estimate(point, in: capture))
    let offset = 40
    let far = right.values.values[offset] + 0.5
    capture.tensors[point]?.values[offset] = far
    // The bound of a hypothesis: that of the definition, widened by what the hypothesis gives.
    let unit = 0x1p-24
    let row = right.values.row(offset / right.values.rowWidth).enumerated().map { column, value in
      column == offset % right.values.rowWidth ? far : value
    }
    let size = (row.reduce(0) { $0 + $1 * $1 } / Double(row.count)).squareRoot()
    let bound = right.bounds[offset].stat + 2 * unit * abs(far) + 8 * unit * size
    func fault(_ id: String, _ steps: Double) -> Fault {
      Fault(id, id, .wiring, at: .feedForwardOutputs, practice: "made for this test") { site in
        guard site.operation.output == point else { return nil }
        return site.edited { $0.values[offset] = far + steps * bound }
      }
    }
    let catalogue = [fault("test.other", other), fault("test.best", best)]
    let verdict = try Judge(weights: weights, depth: .diagnosed(catalogue: catalogue)).verdict(on: capture)
    let cause = try #require(verdict.cause)
    #expect(cause.id == "test.best")
    #expect(cause.equivalents == (isSame ? ["test.other"] : []))
    // The other elements are rounded to float32.
    #expect(abs(cause.ratio - abs(best)) <= 0.05)
    #expect((cause.nextRatio == nil) == isSame)
  }

  /// No cause is named where the best lies outside its bound.
  @Test(arguments: [(0.99, true), (1.01, false)])
  func aCauseExplainsOnlyWithinItsBound(_ steps: Double, _ isNamed: Bool) throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let point = Activation(.feedForwardOutput, layer: 1)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    let right = try #require(try Judge(weights: weights).estimate(point, in: capture))
    let far = right.values.values[7] + 0.5
    capture.tensors[point]?.values[7] = far
    let unit = 0x1p-24
    let row = right.values.row(0).enumerated().map { $0.offset == 7 ? far : $0.element }
    let size = (row.reduce(0) { $0 + $1 * $1 } / Double(row.count)).squareRoot()
    let bound = right.bounds[7].stat + 2 * unit * abs(far) + 8 * unit * size
    let fault = Fault("test.near", "near", .wiring, at: .feedForwardOutputs, practice: "made for this test") {
      $0.operation.output == point ? $0.edited { $0.values[7] = far + steps * bound } : nil
    }
    let verdict = try Judge(weights: weights, depth: .diagnosed(catalogue: [fault])).verdict(on: capture)
    #expect((verdict.cause?.id == fault.id) == isNamed)
    #expect(isNamed || verdict.cause?.isPlaceAlone == true)
  }
}

extension Place {
  /// The second product of each feed-forward block.
  fileprivate static let feedForwardOutputs = Place { operation, _ in
    operation.output.point == .feedForwardOutput
  }
}
