import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// What a product may read unrounded, and what it may not do meanwhile.
@Suite struct UnroundedInputTests {
  private static let types = [ScalarType.bfloat16, .float16]

  /// The output of the nonlinearity that was never rounded was made in float32: no step of it is granted a rounding to the type.
  @Test(.clause("BND-16"), arguments: types, ["gelu_tanh", "gelu_erf"])
  func aWeightOfZerosIsNoReadingOfUnroundedInputs(_ type: ScalarType, function: String) throws {
    let configuration = try Configuration(
      vocabularySize: 67, contextLength: 48, width: 96, layerCount: 1, headCount: 3,
      activationFunction: function == "gelu_erf" ? .geluErf : .geluTanh, tiesEmbeddings: true)
    let weights = try SyntheticModel.trainedLike.weights(configuration, seed: 47)
    let place = Activation(.feedForwardOutput, layer: 0)
    let operation = try #require(weights.graph.operations.first { $0.output == place })
    let name = operation.parameters[0].parameter.name
    let wrong = try weights.changed { parameter, values in
      guard parameter == name else { return values }
      var values = values
      for index in 5 * 96..<6 * 96 { values[index] = 0 }
      return values
    }
    let inputs = try Inputs(
      tokenIDs: (0..<40).map { $0 * $0 * 7 % 67 }, configuration: configuration)
    let capture = NarrowEngine(weights: wrong, type: type, way: .plain).run(inputs)
    let source = SharedSource(capture, judgedAs: Precision(type))
    let planner = ReplayPlanner(source, hasWeights: true)
    for alternative in Alternatives(capture.graph, type: type).of(operation) {
      let plan = try planner.plan(operation, recomputing: alternative.unrounded)
      let replay = try Replay(plan, by: alternative, of: source, weights: weights, contract: .standard)
      for exact in replay.readingParametersExactly {
        let want = exact.want()
        let units = want.values.values.indices.map {
          want.bounds[$0].stat / (type.spacing(around: want.values.values[$0]) / 2)
        }.sorted()
        #expect(units[units.count / 2] < 1.25, "\(alternative.policy.id): half a unit and little more")
      }
    }
    let verdict = try Judge(weights: weights).verdict(on: capture)
    #expect(verdict.outcome == .mismatch, "\(verdict.findings.compactMap(\.policy))")
    let right = NarrowEngine(weights: weights, type: type, way: .unroundedInputs).run(inputs)
    #expect(try Judge(weights: weights).verdict(on: right).outcome == .consistent)
  }
}
