import Testing
import TouchstoneGraph
import TouchstoneModel

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// How many causes a verdict has, and where each is said to hold.
@Suite struct CauseSearchTests {
  private let weights: Weights
  private let inputs: Inputs

  init() throws {
    weights = try Sample.visible.weights()
    inputs = try Sample.visible.inputs(weights.graph)
  }

  private func verdict(
    planting faults: [Activation: Fault], changing change: (inout RecordedActivations) -> Void = { _ in }
  ) throws -> Verdict {
    var capture = RecordedActivations(weights: weights, inputs: inputs, planting: faults)
    change(&capture)
    return try Judge(weights: weights, depth: .diagnosed()).verdict(on: capture)
  }

  private func named(_ id: String) throws -> Fault { try #require(Fault.named(id)) }

  @Test func twoFaultsHaveACauseEach() throws {
    let (norm, product) = (Activation(.layerNorm1, layer: 0), Activation(.feedForwardOutput, layer: 1))
    let verdict = try verdict(planting: [norm: named("norm.no-mean"), product: named("bias.missing")])
    #expect(verdict.causes.map(\.id) == ["norm.no-mean", "bias.missing"])
    #expect(verdict.causes.map(\.places) == [[norm.path], [product.path]])
    #expect(verdict.causes.map(\.kind) == ["layer norm", "bias"])
    let headline = Headline(verdict)
    #expect(headline.causes.count == 2 && headline.causes[1].contains(", in \(product.path)"))
  }

  @Test func oneFaultOfEveryLayerIsOneCause() throws {
    let points = (0..<2).map { Activation(.attentionScores, layer: $0) }
    let fault = try named("attention.no-scale")
    let verdict = try verdict(planting: Dictionary(uniqueKeysWithValues: points.map { ($0, fault) }))
    #expect(verdict.causes.map(\.id) == ["attention.no-scale"])
    #expect(verdict.cause?.places == points.map(\.path))
    #expect(Headline(verdict).causes.allSatisfy { !$0.contains(", in ") })
  }

  /// Of what explains one layer only that is named for another which explains that too.
  @Test func layersWithUnlikeFaultsHaveCausesOfTheirOwn() throws {
    let points = (0..<2).map { Activation(.attentionScores, layer: $0) }
    let verdict = try verdict(planting: [
      points[0]: named("attention.no-scale"), points[1]: named("attention.scale-by-width"),
    ])
    #expect(verdict.causes.map(\.places) == points.map { [$0.path] }, "\(verdict.causes)")
  }

  /// One fault in products of several names.
  @Test func whatExplainsOneNameIsTriedAtTheNext() throws {
    let points = [
      Activation(.attentionOutput, layer: 0), Activation(.feedForwardInput, layer: 0),
      Activation(.feedForwardOutput, layer: 1),
    ]
    let fault = try named("weights.bfloat16")
    let verdict = try verdict(planting: Dictionary(uniqueKeysWithValues: points.map { ($0, fault) }))
    #expect(
      verdict.causes.count == 1 && verdict.causes.first?.places == points.map(\.path), "\(verdict.causes)")
  }

  @Test func aPartThatIsWrongIsSaidWhereNothingExplainsIt() throws {
    let point = Activation(.feedForwardOutput, layer: 0)
    let verdict = try verdict(planting: [:]) { capture in
      guard let count = capture.tensors[point]?.rowWidth else { return }
      for column in 0..<count {
        capture.tensors[point]?[3, column] += 0.3 * Double((column * column + 5) % 7) - 0.8
      }
    }
    #expect(verdict.cause?.isPlaceAlone == true && verdict.cause?.name == "only token 3 is wrong")
    #expect(Headline(verdict).causes.first?.contains("the rest matches within rounding") == true)
  }

  /// What holds in a part alone is named with it.
  @Test func aFaultOfOneTokenIsNamedWithIt() throws {
    let point = Activation(.layerNorm2, layer: 1)
    let fault = try named("norm.no-variance")
    let whole = RecordedActivations(weights: weights, inputs: inputs, planting: [point: fault])
    let verdict = try verdict(planting: [:]) { capture in
      guard let spoilt = whole.tensors[point] else { return }
      for column in 0..<spoilt.rowWidth { capture.tensors[point]?[2, column] = spoilt[2, column] }
    }
    #expect(verdict.cause?.id == "read.norm.other-formula", "\(verdict.causes)")
    #expect(
      verdict.cause?.name
        == "each row is divided by nothing instead of √(variance + ε), in token 2 alone")
  }

  /// A wrong element here and there is no part.
  @Test func scatteredElementsAreNoPart() throws {
    let point = Activation(.feedForwardOutput, layer: 0)
    let verdict = try verdict(planting: [:]) { capture in
      guard let width = capture.tensors[point]?.rowWidth else { return }
      for row in 0..<6 { capture.tensors[point]?[row, (row * 5 + 1) % width] += 0.7 }
    }
    #expect(verdict.outcome == .mismatch && verdict.causes.isEmpty, "\(verdict.causes)")
    #expect(Headline(verdict).causes == ["unknown"])
  }

  /// The first line says of the operation that the headline names whether its cause is known.
  @Test func whereTheFirstIsNotExplainedTheFirstLineSaysSo() throws {
    let (first, second) = (Activation(.layerNorm1, layer: 0), Activation(.feedForwardOutput, layer: 1))
    let verdict = try verdict(planting: [second: named("bias.missing")]) { capture in
      guard let width = capture.tensors[first]?.rowWidth else { return }
      for row in 0..<6 { capture.tensors[first]?[row, (row * 5 + 1) % width] += 0.7 }
    }
    #expect(verdict.cause == nil && verdict.causes.contains { $0.id == "bias.missing" }, "\(verdict.causes)")
    #expect(Headline(verdict).causes.first == "unknown" && Headline(verdict).causes.count > 1)
  }
}
