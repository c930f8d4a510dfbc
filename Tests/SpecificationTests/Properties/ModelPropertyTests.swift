import Testing
import TouchstoneModel
import TouchstoneProperties
import TouchstoneSIMD
import TouchstoneTestSupport
import TouchstoneVerdict

/// Every property of `TouchstoneProperties` on generated models.
@Suite struct ModelPropertyTests {
  @Test(arguments: ModelProperty.all)
  func theReferenceHolds(_ property: ModelProperty) {
    expectHolds(property, by: .reference, cases: 10)
  }

  @Test(arguments: ModelProperty.all)
  func anHonestFloat32ImplementationHolds(_ property: ModelProperty) {
    expectHolds(property, by: .rounding, cases: 10)
  }

  @Test(arguments: ModelProperty.all, InstructionSet.available)
  func theSIMDImplementationHolds(_ property: ModelProperty, _ set: InstructionSet) {
    expectHolds(property, by: .simd(set), cases: 10)
  }

  @Test(.clause("NUM-4"), arguments: InstructionSet.available)
  func everyOperationOfTheSIMDImplementationIsConsistent(_ set: InstructionSet) {
    expectHolds("consistent by replay", of: ModelCase.self, cases: 25) { generated in
      let model = try generated.model()
      let run = try Engine.simd(set).run(model, generated.inputs())
      let verdict = try Judge(weights: model.weights()).verdict(on: run.activations)
      return verdict.outcome == .consistent
        ? nil : "\(verdict.outcome): \(verdict.flagged.first.map { "\($0)" } ?? "")"
    }
  }

  @Test func propertiesHaveNamesOfTheirOwn() {
    #expect(Set(ModelProperty.all.map(\.name)).count == ModelProperty.all.count)
  }
}

extension Engine {
  /// The SIMD implementation under one instruction set, on two threads.
  static func simd(_ set: InstructionSet) -> Engine {
    Engine(
      "simd-\(set.rawValue)",
      verifyCommand: { "\(InstructionSet.environmentVariable)=\(set.rawValue) touchstone verify \($0)" }
    ) { try SIMDTransformer(weights: $0, instructionSet: set, threadCount: 2) }
  }
}

extension ModelProperty: CustomTestStringConvertible {
  /// What holds.
  public var testDescription: String { name }
}
