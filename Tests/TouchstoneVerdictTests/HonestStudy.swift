import Foundation
import Testing
import TouchstoneFaults
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport
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
    try HonestMeasurement(weights, try model.inputs(weights.graph), precision: studyPrecision)
      .judge(HonestArithmetic.all, "HONEST \(studyPrecision.name), \(model)")
  }
}

/// Honest implementations of one model, judged on one sequence, with the greatest error over its bound for each kind of operation.
struct HonestMeasurement {
  private let weights: Weights
  private let inputs: Inputs
  private let golden: Golden
  private let precision: Precision
  private let kinds: [Activation: String]

  init(_ weights: Weights, _ inputs: Inputs, precision: Precision) throws {
    (self.weights, self.inputs, self.precision) = (weights, inputs, precision)
    golden = try Golden(weights, inputs)
    kinds = Dictionary(
      uniqueKeysWithValues: weights.graph.operations.map { operation in
        (operation.output, type(of: operation.kind.payload).name.rawValue)
      })
  }

  /// Expects that none is flagged, and prints a line under a title.
  func judge(_ arithmetics: [HonestArithmetic], _ title: String) throws {
    var worst: [String: Double] = [:]
    var elementCount = 0
    for arithmetic in arithmetics {
      let transformer = HonestTransformer(weights, arithmetic, precision: precision)
      var capture = try RecordedActivations(of: transformer, inputs: inputs)
      capture.type = precision.type
      let verdict = try Judge(weights: weights, depth: .examined()).verdict(on: capture, golden: golden)
      #expect(verdict.outcome == .consistent, "\(title), \(arithmetic): \(verdict.flagged)")
      for finding in verdict.findings where finding.hidden.isEmpty {
        elementCount += capture.tensors[finding.activation]?.count ?? 0
        if let kind = kinds[finding.activation] { worst[kind] = max(worst[kind] ?? 0, finding.ratio) }
      }
    }
    let ratios = worst.map { "\($0.key) \($0.value)" }.sorted()
    print("\(title): \(arithmetics.count) runs, \(elementCount) elements; \(ratios.joined(separator: ", "))")
  }
}
