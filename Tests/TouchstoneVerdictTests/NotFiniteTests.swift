import Foundation
import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

/// Values that are not finite, by the definition neither, never pass.
@Suite struct NotFiniteTests {
  /// The visible sample's weights with one value replaced.
  private func weights(_ name: String, _ offset: Int, _ value: Float) throws -> Weights {
    try Sample.visible.weights().changed { parameter, values in
      var values = values
      if parameter == name { values[offset] = value }
      return values
    }
  }

  /// What an engine computes that rounds to float32 after every operation.
  private func computed(_ weights: Weights, _ inputs: Inputs) -> RecordedActivations {
    var capture = RecordedActivations(graph: weights.graph, inputs: inputs)
    Executor(weights, inputs).run(computing: { site in
      let value = site.value()
        .converted(to: Float.self).converted(to: Double.self)
      capture.tensors[site.operation.output] = value
      return value
    }) { _, _ in }
    return capture
  }

  /// A product overflows as it must, and what follows from it is NaN by the definition as well.
  @Test(.clause("BND-18"), arguments: [false, true])
  func whatFollowsAnOverflowIsInconclusive(acceptsPartial: Bool) throws {
    let weights = try self.weights("transformer.h.1.mlp.c_fc.weight", 3, -3e38)
    var capture = computed(weights, try Sample.visible.inputs(weights.graph))
    let judge = Judge(weights: weights, acceptsPartial: acceptsPartial)
    let verdict = try judge.verdict(on: capture)
    #expect(verdict.outcome == .inconclusive)
    #expect(verdict.flagged.isEmpty, "\(verdict.flagged)")
    let logits = Activation(.logits)
    #expect(verdict.incomparable.contains(logits) && verdict.uncovered.contains(logits))
    #expect(!verdict.incomparable.contains(Activation(.layerNorm2, layer: 1)))
    #expect(verdict.notCompared.contains { $0.path == logits.path && $0.why.contains("not finite") })
    #expect(Headline(verdict).sentence.contains("not finite"))
    #expect(verdict.notes.contains { $0.contains("overflows") }, "\(verdict.notes)")
    capture.tensors[Activation(.query, layer: 0)]?.values[0] += 1
    #expect(try judge.verdict(on: capture).outcome == .mismatch)
  }

  /// The last token's row alone: all others are compared and right, and do not read what is not finite.
  @Test(.clause("BND-18")) func oneRowThatCannotBeComparedIsEnough() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let place = Activation(.residualOut, layer: 0)
    var capture = RecordedActivations(graph: weights.graph, inputs: inputs)
    Executor(weights, inputs).run(computing: { site in
      var value = site.value()
        .converted(to: Float.self).converted(to: Double.self)
      if site.operation.output == place { value[inputs.count - 1, 2] = .infinity }
      capture.tensors[site.operation.output] = value
      return value
    }) { _, _ in }
    let verdict = try Judge(weights: weights).verdict(on: capture)
    #expect(verdict.flagged.map(\.activation) == [place], "\(verdict.flagged)")
    #expect(verdict.findings.contains { $0.activation == Activation(.logits) })
    #expect(verdict.incomparable.first == Activation(.layerNorm1, layer: 1))
    // The infinity itself is handed on, which can be compared.
    #expect(!verdict.incomparable.contains(Activation(.residualIn, layer: 1)))
  }

  /// An engine that divides by the sum of no probabilities: NaN in rows that follow no definition.
  @Test(
    .clause("BND-18", "ATT-14"),
    arguments: [[false, true, true, true, true], [false, false, false, false, false]])
  func rowsThatSeeNoKeyAreExceptedUnlessTheyAreAll(mask: [Bool]) throws {
    let weights = try Sample.all[3].weights()
    let inputs = try Inputs(
      tokenIDs: [3, 10, 17, 24, 31], attentionMask: mask, graph: weights.graph)
    var capture = RecordedActivations(graph: weights.graph, inputs: inputs)
    let blind = mask.firstIndex(of: true) ?? mask.count
    Executor(weights, inputs).run(computing: { site in
      var value = site.value()
      if site.operation.output.point == .attentionContext {
        for row in 0..<blind { for column in 0..<value.rowWidth { value[row, column] = .nan } }
      }
      value = value.converted(to: Float.self).converted(to: Double.self)
      capture.tensors[site.operation.output] = value
      return value
    }) { _, _ in }
    let verdict = try Judge(weights: weights).verdict(on: capture)
    #expect(verdict.outcome == (blind == mask.count ? .inconclusive : .consistent), "\(verdict.flagged)")
    #expect(verdict.incomparable.isEmpty == (blind < mask.count))
  }

  @Test(.clause("BND-18")) func anOverflowIsRightAndOfTheOtherSignWrong() throws {
    let weights = try self.weights("transformer.h.1.mlp.c_fc.weight", 3, 3e38)
    var capture = computed(weights, try Sample.visible.inputs(weights.graph))
    let point = Activation(.feedForwardInput, layer: 1)
    let finding = try #require(
      try Judge(weights: weights).verdict(on: capture).findings.first { $0.activation == point })
    #expect(finding.zone == .consistent, "\(finding)")
    let offset = try #require(capture.tensors[point]?.values.firstIndex { $0.isInfinite })
    capture.tensors[point]?.values[offset] *= -1
    #expect(try Judge(weights: weights).verdict(on: capture).flagged.first?.activation == point)
  }
}
