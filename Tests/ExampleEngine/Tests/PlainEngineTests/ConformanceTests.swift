import PlainEngine
import Testing
import TouchstoneConformance

@Suite struct ConformanceTests {
  @Test(arguments: ConformanceCheck.all)
  func theEngineConforms(_ check: ConformanceCheck) throws { try check.run { try PlainEngine(weights: $0) } }

  /// The small models of the form of GPT-2, less that with one head and that without scaling, where the mistake changes
  /// nothing.
  private static let revealing = ConformanceCheck.goldens.filter {
    [
      "tiny-heads1", "tiny-odd", "tiny-vocab3", "tiny-epsilon", "tiny-large", "tiny-offset", "tiny-erf",
      "tiny-relu", "tiny-untied", "tiny-layer-scale",
    ].contains($0.name)
  }

  /// The same engine with one mistake is told where and what it is, without having to be looked into.
  @Test(arguments: revealing)
  func theMistakeIsNamed(_ check: ConformanceCheck) throws {
    let failure = try #require(throws: ConformanceFailure.self) {
      try check.run { try PlainEngine(weights: $0, scoreWidth: .model) }
    }
    #expect(failure.operation == Activation(.attentionScores, layer: 0))
    #expect(failure.cause?.id == "attention.scale-by-width", "\(failure)")
    #expect(failure.description.contains("MISMATCH  layers/000/attn_scores  introduced here, proven"))
  }

  /// A property finds it without any golden, on the smallest model that shows it: one token, two heads.
  @Test func theMistakeIsFoundByAProperty() throws {
    let check = try #require(
      ConformanceCheck.properties.first { $0.name == "a score is the scaled dot product of query and key" })
    let failure = try #require(throws: ConformanceFailure.self) {
      try check.run { try PlainEngine(weights: $0, scoreWidth: .model) }
    }
    #expect(failure.operation == Activation(.attentionScores, layer: 0))
    #expect(failure.cause?.id == "attention.scale-by-width", "\(failure)")
    #expect(failure.description.contains("smallest case: T=1 D=2 H=2 F=1 V=1, L=1"), "\(failure)")
  }
}
