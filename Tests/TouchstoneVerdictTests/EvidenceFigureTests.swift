import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneTestSupport
import TouchstoneVerdict

/// The figures that evidence and certificates give.
@Suite struct EvidenceFigureTests {
  /// The weight that is told is the one that was planted, beside the model's own.
  @Test(.clause("NUM-13"), arguments: ["weights.bit-2", "weights.bit-3"])
  func theWeightThatIsToldIsTheOnePlanted(_ id: String) throws {
    let configuration = try Configuration(
      vocabularySize: 17, contextLength: 60, width: 6, layerCount: 2, headCount: 3, feedForwardWidth: 10)
    let weights = try SyntheticModel.probing.weights(configuration, seed: 21)
    let inputs = try Inputs(tokenIDs: (0..<60).map { $0 * 5 % 17 }, configuration: configuration)
    let place = Activation(.feedForwardInput, layer: 0)
    let fault = try #require(Fault.named(id))
    let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [place: fault])
    let problem = try #require(Judge(weights: weights).verdict(on: capture).flagged.first?.problem)
    let match = try #require(
      problem.firstMatch(of: /input ([0-9]+) to output ([0-9]+) were (\S+) instead of (\S+)/), "\(problem)")
    let (k, j) = (try #require(Int(match.1)), try #require(Int(match.2)))
    let (found, expected) = (try #require(Double(match.3)), try #require(Float(match.4)))
    #expect(expected == weights.float32(configuration.parameter(.feedForwardInputWeight, layer: 0))[k, j])
    let bit = try #require(UInt32(id.dropFirst("weights.bit-".count)))
    let planted = Double(Float(bitPattern: expected.bitPattern ^ (1 << bit)))
    #expect(abs(found - planted) <= 0.5 * abs(Double(expected) - planted), "\(problem)")
  }

  /// A logit may be off by twenty times its row's noise floor.
  @Test func aCertificatesRadiusIsTwentyFloors() throws {
    let weights = try Sample.visible.weights()
    let golden = try Golden(weights, Sample.visible.inputs(weights.graph))
    let certificate = try #require(try TokenCertificate(golden: golden))
    let floor = try #require(golden.floor[Activation(.logits)])
    #expect(certificate.radii == floor.values.map { 20 * $0 })
    #expect(certificate.logits == golden.recorded.tensors[Activation(.logits)])
  }
}
