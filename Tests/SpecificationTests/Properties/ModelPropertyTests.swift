import Testing
import TouchstoneModel
import TouchstoneProperties
import TouchstoneTestSupport

/// Every property of `TouchstoneProperties` on generated models.
@Suite struct ModelPropertyTests {
  @Test(arguments: ModelProperty.all)
  func theReferenceHolds(_ property: ModelProperty) {
    expectHolds(property.name, of: ModelCase.self, cases: 12) { try property.violation($0, .reference) }
  }

  @Test(arguments: ModelProperty.all)
  func anHonestFloat32ImplementationHolds(_ property: ModelProperty) {
    expectHolds(property.name, of: ModelCase.self, cases: 12) { try property.violation($0, .rounding) }
  }

  @Test func propertiesHaveNamesOfTheirOwn() {
    #expect(Set(ModelProperty.all.map(\.name)).count == ModelProperty.all.count)
  }
}

extension ModelProperty: CustomTestStringConvertible {
  /// What holds.
  public var testDescription: String { name }
}
