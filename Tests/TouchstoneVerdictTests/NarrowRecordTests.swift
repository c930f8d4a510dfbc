import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// Some of a run in float32 recorded in 16 bits, which nothing of the run has read.
private struct PartlyNarrow: ActivationSource {
  let base: RecordedActivations
  let narrow: Set<Activation>
  let type: ScalarType

  var graph: Graph { base.graph }
  var inputs: Inputs { base.inputs }
  func storedType(of activation: Activation) -> ScalarType? {
    narrow.contains(activation) ? type : base.storedType(of: activation)
  }
  func storedShape(of activation: Activation) -> [Int]? { base.storedShape(of: activation) }
  func tensor(_ activation: Activation) -> Tensor<Double>? {
    guard let tensor = base.tensor(activation), narrow.contains(activation) else {
      return base.tensor(activation)
    }
    return Tensor(tensor.values.map { type.rounded($0) }, shape: tensor.shape)
  }
}

/// What a record loses is the record's, not the run's.
@Suite struct NarrowRecordTests {
  @Test(
    .clause("BND-12", "NUM-13", "NUM-14"), arguments: Activation.Point.allCases,
    [ScalarType.bfloat16, .float16])
  func oneKindOfActivationMayBeRecordedInSixteenBits(_ point: Activation.Point, _ type: ScalarType) throws {
    for (kind, spread) in [(SyntheticModel.initialised, 1), (.probing, 3), (.trainedLike, 7)] {
      let weights = try kind.weights(
        Configuration(
          vocabularySize: 67, contextLength: 32, width: 36, layerCount: 2, headCount: 3,
          activationFunction: .geluTanh, tiesEmbeddings: false), seed: 57)
      let inputs = try Inputs(
        tokenIDs: (0..<20).map { $0 * $0 * spread % 67 }, configuration: Configuration(weights.graph))
      let run = try RecordedActivations(
        of: HonestTransformer(weights, HonestArithmetic.all[0]), inputs: inputs)
      let narrow = Set(weights.graph.operations.map(\.output).filter { $0.point == point })
      let capture = PartlyNarrow(base: run, narrow: narrow, type: type)
      let verdict = try Judge(weights: weights, depth: .examined()).verdict(on: capture)
      #expect(verdict.outcome == .consistent, "\(kind): \(verdict.flagged)")
    }
  }
}
