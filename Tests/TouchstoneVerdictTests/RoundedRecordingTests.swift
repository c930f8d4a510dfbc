import Testing
import TouchstoneFaults
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// A run in float32 on a model in 16 bits, of which only the record is in 16 bits, as OpenVINO hands it out.
@Suite struct RoundedRecordingTests {
  /// The model with its parameters in `type`, as the program has it, and as the golden has it.
  private func run(
    _ type: ScalarType, seed: UInt64, planting faults: [Activation: Fault] = [:], cuts: Bool = false,
    changing factors: [Activation: Double] = [:]
  ) throws -> (verdict: Verdict, weights: Weights) {
    let model = try #require(RandomModel.all(seed: seed).first { $0.kind == .probing })
    let weights = try model.weights()
    let inputs = try model.inputs(weights.graph)
    let rounded = weights.graph.parameters.map { parameter -> (String, StoredTensor) in
      let values = weights.float32(parameter)
      let stored = values.values.map { Float(type.rounded(Double($0))) }
      return (parameter.name, StoredTensor(Tensor(stored, shape: values.shape)))
    }
    let held = try Weights(
      graph: weights.graph, names: TensorNames(root: ""), tensors: Dictionary(uniqueKeysWithValues: rounded))
    var capture = RecordedActivations(weights: held, inputs: inputs, planting: faults)
    capture.precision = Precision(type)
    capture.type = type
    for (activation, tensor) in capture.tensors {
      let rule: FloatingPointRoundingRule = cuts ? .towardZero : .toNearestOrEven
      let factor = factors[activation] ?? 1
      let values: [Double] = tensor.values.map { type.rounded(factor * $0, rule) }
      capture.tensors[activation] = Tensor(values, shape: tensor.shape)
    }
    return (try Judge(weights: weights).verdict(on: capture), weights)
  }

  @Test(
    .clause("BND-16"), arguments: [ScalarType.bfloat16, .float16],
    everyday([171, 172, 173] as [UInt64], each: 3))
  func aRunInFloat32ThatIsRoundedWhereItIsRecordedIsConsistent(_ type: ScalarType, _ seed: UInt64) throws {
    let verdict = try run(type, seed: seed).verdict
    #expect(verdict.outcome == .consistent, "seed \(seed): \(verdict.flagged)")
  }

  @Test(.clause("BND-16"), arguments: [ScalarType.bfloat16, .float16])
  func itIsSaidHowItWasJudged(_ type: ScalarType) throws {
    let verdict = try run(type, seed: 171).verdict
    #expect(verdict.findings.allSatisfy { $0.policy == .roundedRecording })
    #expect(verdict.notes.contains { $0.contains("rounded only where it was recorded") }, "\(verdict.notes)")
  }

  @Test(.clause("BND-16"), arguments: [ScalarType.bfloat16, .float16])
  func aRecordThatIsCutIsNone(_ type: ScalarType) throws {
    #expect(try run(type, seed: 171, cuts: true).verdict.outcome == .mismatch)
  }

  @Test(.clause("BND-16"), arguments: ["norm.no-bias", "gelu.no-cube", "norm.statistics-of-row-before"])
  func aFaultInItIsSeen(_ id: String) throws {
    let fault = try #require(Fault.named(id))
    let model = try #require(RandomModel.all(seed: 171).first { $0.kind == .probing })
    let site = try #require(fault.sites(in: model.weights().graph).first)
    #expect(try run(.float16, seed: 171, planting: [site.output: fault]).verdict.outcome == .mismatch)
  }

  /// Far less than a unit of the record, and far more than a run in float32 strays.
  @Test(.clause("BND-16"), arguments: [(ScalarType.bfloat16, 1e-3), (.float16, 5e-5)])
  func whatStraysBeyondTheNoiseOfSuchARunIsSeen(_ type: ScalarType, _ change: Double) throws {
    let place = Activation(.layerNorm1, layer: 0)
    #expect(try run(type, seed: 171, changing: [place: 1 + 1e-8]).verdict.outcome == .consistent)
    #expect(try run(type, seed: 171, changing: [place: 1 + change]).verdict.outcome == .mismatch)
  }
}
