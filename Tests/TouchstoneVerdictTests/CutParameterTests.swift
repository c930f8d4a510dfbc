import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// Parameters that are brought into 16 bits by keeping their upper half.
@Suite struct CutParameterTests {
  private static let types = [ScalarType.bfloat16, .float16]

  /// One layer, wide enough that a cut bias shows.
  private static func weights(_ kind: SyntheticModel) throws -> Weights {
    try kind.weights(
      Configuration(
        vocabularySize: 67, contextLength: 48, width: 96, layerCount: 1, headCount: 3,
        activationFunction: .geluTanh, tiesEmbeddings: false), seed: 41)
  }

  private static func run(
    _ weights: Weights, _ type: ScalarType, _ way: NarrowEngine.Way = .plain
  ) throws -> RecordedActivations {
    let inputs = try Inputs(
      tokenIDs: (0..<40).map { $0 * $0 * 7 % 67 }, configuration: Configuration(weights.graph))
    return NarrowEngine(weights: weights, type: type, way: way).run(inputs)
  }

  private static func cut(_ weights: Weights, to type: ScalarType, ending: String) throws -> Weights {
    let products = Set(
      weights.graph.operations.filter { $0.isParametricProduct }
        .flatMap { $0.parameters.map(\.parameter.name) })
    return try weights.changed { name, values in
      guard products.contains(name), name.hasSuffix(ending) else { return values }
      return values.map { Float(type.rounded(Double($0), .towardZero)) }
    }
  }

  @Test(.clause("BND-27"), arguments: types, ["weight", "bias"])
  func cutParametersAreAMismatchThatSaysSo(_ type: ScalarType, ending: String) throws {
    let weights = try Self.weights(.probing)
    let capture = try Self.run(try Self.cut(weights, to: type, ending: ending), type)
    let verdict = try Judge(weights: weights).verdict(on: capture)
    #expect(verdict.outcome == .mismatch)
    let subject = ending == "weight" ? "matrix" : "bias"
    let said = verdict.flagged.filter {
      $0.problem?.contains("a \(subject) that is cut to \(type.rawValue)") == true
    }.map(\.activation)
    let products = weights.graph.operations.filter { operation in
      operation.isParametricProduct && operation.parameters.contains { $0.parameter.name.hasSuffix(ending) }
    }.map(\.output)
    #expect(Set(said).isSubset(of: products), "\(said)")
    if ending == "weight" {
      #expect(Set(said) == Set(products), "\(verdict.flagged.map { ($0.activation, $0.problem) })")
    } else {
      #expect(!said.isEmpty)
    }
  }

  @Test(.clause("BND-27"), arguments: types, SyntheticModel.allCases)
  func parametersThatAreRoundedOrKeptWideAreNotTakenForCut(_ type: ScalarType, kind: SyntheticModel) throws {
    let weights = try Self.weights(kind)
    let ways = [NarrowEngine.Way.plain, .wideParameters, .storedProduct, .unroundedInputs]
    for way in everyday(ways, each: 2, from: SyntheticModel.allCases.firstIndex(of: kind) ?? 0) {
      let verdict = try Judge(weights: weights).verdict(on: Self.run(weights, type, way))
      #expect(
        !verdict.findings.contains { $0.problem?.contains("cut") == true }, "\(way): \(verdict.flagged)")
    }
  }

  /// Where every parameter is a number of the type, there is nothing to cut.
  @Test(.clause("BND-27"), arguments: types)
  func parametersOfTheTypeAreTheSameCutOrNot(_ type: ScalarType) throws {
    let weights = try Self.cut(try Self.weights(.probing), to: type, ending: "")
    let verdict = try Judge(weights: weights).verdict(on: Self.run(weights, type))
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
  }
}
