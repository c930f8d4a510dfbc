import Foundation
import Testing
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// Judges honest implementations at the widths of real models, and holds the statistic of every weight against what NUM-15
/// and NUM-16 predict of it: tables of Docs/Measured.md.
///
/// `TOUCHSTONE_STUDY=201 swift test --filter WidthStudy` runs one layer of widths 768 to 4,096 on 2 to 128 tokens;
/// `TOUCHSTONE_PRECISION=bfloat16` has everything stored in that type, where only the bounds judge. `TOUCHSTONE_WIDTHS=768` and
/// `TOUCHSTONE_TOKENS=8,16` take a part of it, `TOUCHSTONE_STEP=5` every fifth implementation.
@Suite(
  .enabled(if: !studySeeds.isEmpty, "set TOUCHSTONE_STUDY to seeds to measure honest implementations"),
  .serialized)
struct WidthStudy {
  private struct Shape {
    let width: Int
    let headCount: Int
    let tokenCounts: [Int]
    /// Every so many of the thirty implementations runs.
    let step: Int
  }

  private static let shapes = [
    Shape(width: 768, headCount: 12, tokenCounts: [2, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64, 128], step: 1),
    Shape(width: 1280, headCount: 20, tokenCounts: [8, 16, 32], step: 3),
    Shape(width: 1600, headCount: 25, tokenCounts: [12, 24], step: 3),
    Shape(width: 4096, headCount: 32, tokenCounts: [16], step: 6),
  ]

  /// Whether a number is among those that a variable of the environment names; all are unless it is set.
  private static func isTaken(_ number: Int, by variable: String) -> Bool {
    ProcessInfo.processInfo.environment[variable]?.split(separator: ",").contains("\(number)") ?? true
  }

  private static let leastStep =
    ProcessInfo.processInfo.environment["TOUCHSTONE_STEP"].flatMap(Int.init).map { max($0, 1) } ?? 1

  @Test private func honestImplementationsAreConsistentAndTheirStatisticIsStudents() throws {
    var (runs, total, small, large) = (0, StatisticTail(), StatisticTail(), StatisticTail())
    var subtle: [Double] = []
    for seed in studySeeds {
      for (place, shape) in Self.shapes.enumerated() where Self.isTaken(shape.width, by: "TOUCHSTONE_WIDTHS")
      {
        for (index, tokenCount) in shape.tokenCounts.enumerated()
        where Self.isTaken(tokenCount, by: "TOUCHSTONE_TOKENS") {
          let step = max(shape.step, Self.leastStep)
          let kind = SyntheticModel.allCases[(index + place + Int(seed)) % 4]
          let configuration = try Configuration(
            vocabularySize: 257, contextLength: 128, width: shape.width, layerCount: 1,
            headCount: shape.headCount, activationFunction: index % 2 == 0 ? .geluTanh : .geluErf,
            tiesEmbeddings: true)
          let weights = try kind.weights(configuration, seed: seed)
          // Every third token is the one before it again: rows that differ by their position alone.
          let inputs = try Inputs(
            tokenIDs: (0..<tokenCount).map { ($0 - ($0 % 3 == 2 ? 1 : 0)) * 7 % 257 },
            configuration: configuration)
          var own = StatisticTail()
          // The others' turn comes with the next seed.
          for number in stride(
            from: Int(seed) % step, to: HonestArithmetic.all.count, by: step)
          {
            let arithmetic = HonestArithmetic.all[number]
            var capture = try RecordedActivations(
              of: HonestTransformer(weights, arithmetic, precision: studyPrecision), inputs: inputs)
            capture.type = studyPrecision.type
            let verdict = try Judge(weights: weights, depth: .examined()).verdict(on: capture)
            #expect(
              verdict.outcome == .consistent, "\(kind) \(shape.width), \(arithmetic): \(verdict.flagged)")
            runs += 1
            guard studyPrecision == .float32 else { continue }
            own.add(try statistics(capture, weights))
            subtle += try deviations(capture, weights)
          }
          total.add(own)
          if tokenCount <= 16 { small.add(own) } else { large.add(own) }
          print(
            "WIDTH \(studyPrecision.name), \(kind), width \(shape.width), \(tokenCount) tokens: \(own.line)")
        }
      }
    }
    print("WIDTH \(runs) runs; all: \(total.line)")
    print("WIDTH up to 16 tokens: \(small.line)")
    print("WIDTH more: \(large.line)")
    print(
      "WIDTH NUM-14: \(subtle.count) hypotheses, greatest \(subtle.max() ?? 0); beyond 1…6: "
        + "\((1...6).map { limit in subtle.count { $0 > Double(limit) } })")
  }

  /// Every weight of every product.
  private func statistics(_ capture: RecordedActivations, _ weights: Weights) throws -> StatisticTail {
    var tail = StatisticTail()
    for operation in weights.graph.operations {
      guard let input = operation.inputs.first, let read = capture.tensor(input),
        let got = capture.tensor(operation.output),
        let want = try Judge(weights: weights).estimate(operation.output, in: capture),
        let search = WeightSearch(
          operation, input: read,
          parameters: operation.parameters.map { weights.storedFloat32($0.parameter) }, got: got,
          want: want, contract: .standard),
        let own = StatisticTail(search)
      else { continue }
      tail.add(own)
    }
    return tail
  }

  /// Every subtle fault at every operation: by how much its statistic exceeds what is allowed.
  private func deviations(_ capture: RecordedActivations, _ weights: Weights) throws -> [Double] {
    let level = EvidenceLevel(of: Fault.catalogue, in: weights.graph)
    return try weights.graph.operations.filter { SubtleFaults.examines($0.kind) }.flatMap {
      operation in
      let search = try SubtleFaults(
        operation, of: weights.graph, in: capture, by: Judge(weights: weights), level)
      return Fault.catalogue.filter { $0.isSubtle && $0.sites(in: weights.graph).contains(operation) }
        .compactMap { search?.evidence($0)?.deviations }
    }
  }
}

extension StatisticTail {
  /// How many weights, and beyond each power of ten, over what is predicted.
  fileprivate var line: String {
    let ratios = zip(Self.decades, beyond).map { decade, beyond in
      let predicted = Double(count) * pow(10, -Double(decade))
      return "1e-\(decade): \(beyond) (\(String(format: "%.2f", Double(beyond) / max(predicted, 1e-9)))×)"
    }
    return "\(count) weights; beyond \(ratios.joined(separator: ", "))"
  }
}
