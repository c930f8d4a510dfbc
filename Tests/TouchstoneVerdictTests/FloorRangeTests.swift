import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneTestSupport
import TouchstoneVerdict

/// A noise floor in which everything would fit covers nothing.
@Suite struct FloorRangeTests {
  private struct Altered: ActivationSource {
    let golden: Golden
    let change: @Sendable (Double) -> Double

    var graph: Graph { golden.graph }
    var inputs: Inputs { golden.inputs }
    func storedType(of activation: Activation) -> ScalarType? { golden.storedType(of: activation) }
    func storedShape(of activation: Activation) -> [Int]? { golden.storedShape(of: activation) }
    func tensor(_ activation: Activation) -> Tensor<Double>? { golden.tensor(activation) }
    func noiseFloor(of activation: Activation) -> Tensor<Double>? {
      golden.noiseFloor(of: activation).map { Tensor($0.values.map(change), shape: $0.shape) }
    }
  }

  /// The verdict on logits alone, by the floor alone.
  private func verdict(wrong: Bool, _ change: @escaping @Sendable (Double) -> Double) throws -> Verdict {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    capture.tensors = capture.tensors.filter { $0.key.point == .logits }
    if wrong { capture.tensors[Activation(.logits)]?.values[3] = 1e6 }
    return try Judge(weights: nil).verdict(
      on: capture, golden: Altered(golden: try Golden(weights, inputs), change: change))
  }

  @Test func aFloorAsLargeAsTheValuesIsNoComparison() throws {
    #expect(try verdict(wrong: false) { $0 }.outcome == .consistent)
    let vacuous = try verdict(wrong: false) { 1e8 * $0 }
    #expect(vacuous.outcome == .inconclusive && vacuous.findings.isEmpty, "\(vacuous.findings)")
    // What is beyond even that is wrong all the same.
    #expect(try verdict(wrong: true) { _ in 1 }.outcome == .mismatch)
  }

  @Test(arguments: [Double.nan, .infinity, -1, 0, 1e-300]) func noFloorOfFloat32IsRefused(_ noise: Double)
    throws
  {
    #expect(throws: BadInput.self) { try verdict(wrong: false) { _ in noise } }
  }
}
