import Foundation
import Testing
import TouchstoneFaults
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// Measures how near honest implementations come to their bounds, all stages of the judge on: a table of Docs/Verdict.md.
///
/// `TOUCHSTONE_HONEST=101,102 swift test --filter HonestStudy` runs thirty implementations of twelve models a seed.
private let seeds = (ProcessInfo.processInfo.environment["TOUCHSTONE_HONEST"] ?? "").split(separator: ",")
  .compactMap { UInt64($0) }

@Suite(
  .enabled(if: !seeds.isEmpty, "set TOUCHSTONE_HONEST to seeds to measure honest implementations"),
  .serialized)
struct HonestStudy {
  private struct Model: CustomTestStringConvertible {
    let kind: SyntheticModel
    let index: Int
    let width: Int
    let seed: UInt64

    var testDescription: String { "\(kind), width \(width), seed \(seed)" }

    func weights() throws -> Weights {
      let configuration = try Configuration(
        vocabularySize: 101 + 13 * index, contextLength: 32, width: width, layerCount: 2 + Int(seed) % 2,
        headCount: width % 4 == 0 ? 4 : 5,
        activationFunction: (index + Int(seed)) % 2 == 0 ? .geluTanh : .geluErf,
        tiesEmbeddings: (index + width) % 2 == 0)
      return try kind.weights(configuration, seed: seed)
    }

    func inputs(_ configuration: Configuration) throws -> Inputs {
      let count = [24, 13, 19, 17][(index + width) % 4]
      let mask = (Int(seed) + width / 4) % 2 == 0 ? (0..<count).map { $0 % 7 != 3 } : nil
      return try Inputs(
        tokenIDs: (0..<count).map { ($0 * 7 + 3) % 100 }, attentionMask: mask, configuration: configuration)
    }
  }

  private static let models = seeds.flatMap { seed in
    SyntheticModel.allCases.enumerated().flatMap { index, kind in
      [35, index % 2 == 0 ? 64 : 96, 100].map { Model(kind: kind, index: index, width: $0, seed: seed) }
    }
  }

  @Test(arguments: models)
  private func honestImplementationsAreConsistent(_ model: Model) throws {
    let weights = try model.weights()
    let inputs = try model.inputs(weights.configuration)
    let golden = try Golden(weights, inputs)
    var worst: [String: Double] = [:]
    var elementCount = 0
    let kinds = Dictionary(
      uniqueKeysWithValues: weights.configuration.operations.map { operation in
        (operation.output, String("\(operation.kind)".prefix { $0 != "(" }))
      })
    for arithmetic in HonestArithmetic.all {
      let capture = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
      let verdict = try Judge(weights: weights).verdict(on: capture, golden: golden)
        .examined(capture, weights: weights)
      #expect(verdict.outcome == .consistent, "\(arithmetic): \(verdict.flagged)")
      for finding in verdict.findings where finding.hidden.isEmpty {
        elementCount += capture.tensors[finding.activation]?.count ?? 0
        if let kind = kinds[finding.activation] { worst[kind] = max(worst[kind] ?? 0, finding.ratio) }
      }
    }
    let ratios = worst.map { "\($0.key) \($0.value)" }.sorted()
    print("HONEST \(model.testDescription): \(elementCount) elements; \(ratios.joined(separator: ", "))")
  }
}
