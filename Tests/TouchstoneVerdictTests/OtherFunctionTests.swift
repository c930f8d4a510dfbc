import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// Nonlinearities that are nearly alike, in 16 bits, where no element tells one from the other.
@Suite struct OtherFunctionTests {
  private typealias Function = ActivationFunction.Function
  private typealias Form = NarrowActivationTests.Form

  private static let types = [ScalarType.bfloat16, .float16]

  /// What is found where a form computed arguments as a model has them, every step of it stored, or in float32 and its
  /// result stored.
  private static func found(
    _ form: Form, as due: ActivationFunction.Function, in type: ScalarType, everyStep: Bool, count: Int,
    centre: Double = 0
  ) -> OtherFunction? {
    var random = SplitMix64(seed: 57)
    // Spread as a sum of three is, to ±3.
    let numbers = (0..<count).map { _ in
      type.rounded((0..<3).reduce(centre) { sum, _ in sum + Double.random(in: -1...1, using: &random) })
    }
    let input = Tensor(numbers, shape: [1, count])
    let rounding = Rounding(Precision(type))
    let exact = Definition.activate(input, due)
    let bounds = rounding.ofActivation(due, exact, Operand(values: input))
    let got = numbers.map { x in type.rounded(form.value(x) { (everyStep ? type : .float32).rounded($0) }) }
    return OtherFunction.found(
      due, input: input, got: Tensor(got, shape: input.shape),
      want: Estimate(
        values: exact, bounds: bounds.indices.map { rounding.stored(bounds[$0], exact.values[$0], as: type) }),
      type: type, among: 200)
  }

  @Test(.clause("BND-29"), arguments: NarrowActivationTests.forms, types)
  func aFunctionIsNotTakenForAnother(_ form: NarrowActivationTests.Form, _ type: ScalarType) {
    for everyStep in [true, false] {
      for count in [40, 400, isExhaustive ? 40_000 : 10_000] {
        // Biases move what a model has far into the tail, where 1 + erf has no digit left.
        for centre in [0, -2.5, -5] {
          let found = Self.found(
            form, as: form.function, in: type, everyStep: everyStep, count: count, centre: centre)
          #expect(found == nil, "\(count) arguments around \(centre): \(found.map { "\($0)" } ?? "")")
        }
      }
    }
  }

  @Test(
    .clause("BND-29"), arguments: [(Function.geluErf, Function.geluTanh), (.geluTanh, .geluErf)], types)
  func theTwoGELUsAreToldApart(
    _ functions: (got: ActivationFunction.Function, due: ActivationFunction.Function), _ type: ScalarType
  ) throws {
    for form in NarrowActivationTests.forms where form.function == functions.got {
      let found = try #require(
        Self.found(form, as: functions.due, in: type, everyStep: false, count: 20_000), "\(form)")
      #expect(found.function == functions.got && abs(found.share - 1) < 0.25, "\(form): \(found)")
    }
  }

  @Test(.clause("BND-29"), arguments: types)
  func aModelWithTheOtherGELUIsAMismatchThatSaysSo(_ type: ScalarType) throws {
    func weights(_ function: ActivationFunction.Function) throws -> Weights {
      try SyntheticModel.trainedLike.weights(
        Configuration(
          vocabularySize: 67, contextLength: 48, width: 96, layerCount: 1, headCount: 3,
          activationFunction: function, tiesEmbeddings: true), seed: 43)
    }
    let (byTanh, byErf) = (try weights(.geluTanh), try weights(.geluErf))
    let inputs = try Inputs(
      tokenIDs: (0..<40).map { $0 * $0 * 7 % 67 }, configuration: Configuration(byTanh.graph))
    let run = NarrowEngine(weights: byErf, type: type, way: .plain).run(inputs)
    #expect(try Judge(weights: byErf).verdict(on: run).outcome == .consistent)
    let capture = RecordedActivations(
      graph: byTanh.graph, inputs: inputs, precision: Precision(type), tensors: run.tensors)
    let verdict = try Judge(weights: byTanh).verdict(on: capture)
    #expect(verdict.outcome == .mismatch)
    #expect(
      verdict.flagged.first?.problem?.hasPrefix("is GELU by erf where GELU by tanh is due") == true,
      "\(verdict.flagged.map { ($0.activation, $0.problem) })")
  }
}
