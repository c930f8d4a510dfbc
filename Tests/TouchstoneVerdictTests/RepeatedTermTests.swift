import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// A text that says the same again and again: its scores repeat, and what is equal is rounded alike everywhere.
@Suite struct RepeatedTermTests {
  @Test(.clause("NUM-14"), arguments: ["shuffled", "shuffled otherwise", "sequential"])
  func whatIsRoundedAlikeInEveryRowIsNoEvidenceOfAFault(_ name: String) throws {
    let configuration = try Configuration(
      vocabularySize: 257, contextLength: 64, width: 96, layerCount: 1, headCount: 6)
    let weights = try SyntheticModel.repetitive.weights(configuration, seed: 311)
    let inputs = try Inputs(
      tokenIDs: (0..<48).map { ($0 - ($0 % 3 == 2 ? 1 : 0)) * 7 % 257 }, configuration: configuration)
    let level = EvidenceLevel(of: Fault.catalogue, in: weights.graph)
    let operation = try #require(
      weights.graph.operations.first { $0.output == Activation(.attentionProbabilities, layer: 0) })
    let arithmetic = try #require(HonestArithmetic.all.first { "\($0)" == name })
    let capture = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
    let search = try #require(
      try SubtleFaults(operation, of: weights.graph, in: capture, by: Judge(weights: weights), level))
    let deviations = Fault.catalogue.filter { $0.isSubtle && $0.canSpoil(operation, in: weights.graph) }
      .compactMap { search.evidence($0)?.deviations }
    #expect(!deviations.isEmpty)
    #expect(deviations.allSatisfy { $0 < 0.7 * level.leastThreshold }, "\(deviations)")
  }

  /// What an implementation may be off everywhere to one side: 1/√ and the division by 2·u, a sum by u/2 more for each
  /// term that equals another, exp by 3·u and a log₂e that is rounded.
  @Test(.clause("NUM-14")) func whatTheContractAllowsToOneSideIsTheFormula() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let operation = try #require(
      weights.graph.operations.first { $0.output == Activation(.attentionProbabilities, layer: 0) })
    let capture = try RecordedActivations(
      of: HonestTransformer(weights, HonestArithmetic.all[0]), inputs: inputs)
    let level = EvidenceLevel(of: Fault.catalogue, in: weights.graph)
    let search = try #require(
      try SubtleFaults(operation, of: weights.graph, in: capture, by: Judge(weights: weights), level))
    let scores = try #require(capture.tensors[operation.inputs[0]])
    let allowance = SubtleAllowance(search.site, search.right.values)
    let u = 0x1p-24
    for row in 0..<scores.rowCount {
      let greatest = scores.row(row).max() ?? 0
      for offset in row * scores.rowWidth..<(row + 1) * scores.rowWidth where scores.values[offset].isFinite {
        let want = u * search.right.values.values[offset] * (3 + 0.25 * (greatest - scores.values[offset]))
        #expect(abs(allowance.ofElement(offset) - want) <= 1e-9 * want, "element \(offset)")
      }
    }
    #expect(allowance.ofRow(equalTerms: 0) == 2 * u && allowance.ofRow(equalTerms: 6) == 5 * u)
  }
}
