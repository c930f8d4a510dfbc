import Foundation
import Testing
import TouchstoneFaults
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// Measures how near honest implementations come to their bounds, all stages of the judge on: a table of Docs/Measured.md.
///
/// `TOUCHSTONE_STUDY=101,102 swift test --filter HonestStudy` runs thirty implementations of twelve models a seed;
/// `TOUCHSTONE_PRECISION=bfloat16` has them store everything in that type.
@Suite(
  .enabled(if: !studySeeds.isEmpty, "set TOUCHSTONE_STUDY to seeds to measure honest implementations"),
  .serialized)
struct HonestStudy {
  private static let models = studySeeds.flatMap { RandomModel.all(seed: $0) }

  @Test(arguments: models)
  private func honestImplementationsAreConsistent(_ model: RandomModel) throws {
    let weights = try model.weights()
    let inputs = try model.inputs(weights.graph)
    let golden = try Golden(weights, inputs)
    var worst: [String: Double] = [:]
    var elementCount = 0
    let kinds = Dictionary(
      uniqueKeysWithValues: weights.graph.operations.map { operation in
        (operation.output, type(of: operation.kind.payload).name.rawValue)
      })
    for arithmetic in HonestArithmetic.all {
      let transformer = HonestTransformer(weights, arithmetic, precision: studyPrecision)
      var capture = try RecordedActivations(of: transformer, inputs: inputs)
      capture.type = studyPrecision.type
      let verdict = try Judge(weights: weights, depth: .examined()).verdict(on: capture, golden: golden)
      #expect(verdict.outcome == .consistent, "\(arithmetic): \(verdict.flagged)")
      for finding in verdict.findings where finding.hidden.isEmpty {
        elementCount += capture.tensors[finding.activation]?.count ?? 0
        if let kind = kinds[finding.activation] { worst[kind] = max(worst[kind] ?? 0, finding.ratio) }
      }
    }
    let ratios = worst.map { "\($0.key) \($0.value)" }.sorted()
    print(
      "HONEST \(studyPrecision.name), \(model): \(elementCount) elements; \(ratios.joined(separator: ", "))")
  }
}
