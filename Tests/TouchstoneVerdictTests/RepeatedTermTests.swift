import Foundation
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

  /// The softmax of some rows, off by relative errors, and how many deviations that is of a fault.
  private func deviations(
    _ rows: [[Double]], of id: String, errors: (_ row: Int, _ distance: Double) -> Double
  ) throws -> Double {
    let configuration = try Configuration(
      vocabularySize: rows[0].count, contextLength: rows.count, width: 4, layerCount: 1, headCount: 1)
    let graph = configuration.graph
    let inputs = try Inputs(
      tokenIDs: [Int](repeating: 0, count: rows.count), configuration: configuration)
    let operation = try #require(graph.operations.last)
    let scores = Tensor(rows.flatMap { $0 }, shape: [rows.count, rows[0].count])
    let site = FaultSite(
      site: Site(operation: operation, operands: Operands([scores]), inputs: inputs), graph: graph,
      activation: { _ in nil }, parameter: { _ in nil })
    let right = Rounding(.float32).estimate(operation, [Operand(values: scores)], [], inputs: inputs)
    let got = right.values.values.enumerated().map { offset, value -> Double in
      let row = offset / scores.rowWidth
      return value * (1 + errors(row, (rows[row].max() ?? 0) - scores.values[offset]))
    }
    let search = SubtleFaults(
      site: site, right: right, got: Tensor(got, shape: scores.shape), .standard,
      EvidenceLevel(of: Fault.catalogue, in: graph))
    let fault = try #require(Fault.named(id))
    return try #require(search.evidence(fault)).deviations
  }

  /// Equal exponentials are rounded alike, in every row that takes them: sixteen rows of the same say what one says.
  @Test(.clause("NUM-14")) func exponentialsOfEqualArgumentsCountOnce() throws {
    let row = (0..<48).map { -Double($0) / 16 }
    func deviations(_ count: Int, apart: Double) throws -> Double {
      let rows = (0..<count).map { index in
        let turned = Array(row[(3 * index)...] + row[..<(3 * index)])
        return turned.map { $0 * (1 + apart * Double(index)) }
      }
      return try self.deviations(rows, of: "softmax.exp-to-1e-6") { _, distance in
        1e-6 * sin(-40 * distance)
      }
    }
    let one = try deviations(1, apart: 0)
    #expect(one > 0)
    let alike = try deviations(16, apart: 0)
    #expect(alike < 1.5 * one, "\(alike), and \(one) of one row")
    let different = try deviations(16, apart: 1e-3)
    #expect(different > 2.5 * one, "\(different), and \(one) of one row")
  }

  /// A sum of equal terms may be off to one side by half a rounding for each of them.
  @Test(.clause("NUM-14")) func equalTermsOfASumMayAllBeRoundedToOneSide() throws {
    for (values, isAllowed) in [(4, true), (64, false)] {
      let row = (0..<64).map { -Double($0 % values) / 16 }
      let found = try deviations([row], of: "softmax.sum-plus-1e-6") { _, _ in -20 * 0x1p-24 }
      #expect((found <= 0) == isAllowed, "\(values) different terms: \(found)")
    }
  }
}
