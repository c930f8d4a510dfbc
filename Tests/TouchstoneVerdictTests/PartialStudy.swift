import Foundation
import Testing
import TouchstoneFaults
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

/// The seeds of the models that a study runs on: `TOUCHSTONE_STUDY=11,12 swift test --filter PartialStudy`.
let studySeeds = (ProcessInfo.processInfo.environment["TOUCHSTONE_STUDY"] ?? "").split(separator: ",")
  .compactMap { UInt64($0) }
/// What a study's implementations store values in: `TOUCHSTONE_PRECISION`, or float32.
let studyPrecision =
  ProcessInfo.processInfo.environment["TOUCHSTONE_PRECISION"].flatMap(Precision.init(name:)) ?? .float32

/// Measures what captures that leave things out still show: two tables of Docs/Measured.md.
@Suite(
  .enabled(if: !studySeeds.isEmpty, "set TOUCHSTONE_STUDY to seeds to measure partial captures"), .serialized)
struct PartialStudy {
  private func models() throws -> [(name: String, weights: Weights, inputs: Inputs)] {
    try studySeeds.flatMap { RandomModel.oneOfEachKind(seed: $0) }.map { model in
      let weights = try model.weights()
      return ("\(model)", weights, try model.inputs(weights.graph))
    }
  }

  @Test func honest() throws {
    var worst: [String: (Double, String)] = [:]
    var (runs, flagged) = (0, 0)
    for (name, weights, inputs) in try models() {
      let golden = try Golden(weights, inputs)
      for arithmetic in HonestArithmetic.all {
        let whole = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
        for (index, subset) in Subset.allCases.enumerated() {
          let capture = subset.of(whole, seed: UInt64(index) &+ 99)
          for weights in [weights, nil] {
            let verdict = try Judge(weights: weights, depth: .examined()).verdict(on: capture, golden: golden)
            runs += 1
            if verdict.outcome != .consistent {
              flagged += 1
              let first = verdict.flagged.first
              print(
                "FLAGGED \(name) \(arithmetic) \(subset) \(weights != nil) \(verdict.outcome) "
                  + "\(first.map { "\($0.activation) \($0.method) \($0.ratio)" } ?? "\(verdict.uncovered)")")
            }
            for finding in verdict.findings {
              let key = finding.method == .replay ? "replay" : "\(finding.method), \(subset)"
              if finding.ratio > worst[key]?.0 ?? -1 {
                worst[key] = (finding.ratio, "\(name) \(arithmetic) \(subset) \(finding.activation)")
              }
            }
          }
        }
      }
    }
    print("honest runs \(runs), flagged \(flagged)")
    for (key, value) in worst.sorted(by: { $0.key < $1.key }) { print(key, value) }
    #expect(flagged == 0)
  }

  /// What became of one fault in what a subset records of it.
  private enum Outcome: Int {
    case hidden
    case missed
    case caught
  }

  @Test func faults() throws {
    var counts: [String: [Int]] = [:]
    for (name, weights, inputs) in try models() {
      let golden = try Golden(weights, inputs)
      let right = RecordedActivations(weights: weights, inputs: inputs)
      var random = SplitMix64(seed: 5)
      let planted = Fault.catalogue.compactMap { fault in
        fault.sites(in: weights.graph).randomElement(using: &random).map { (fault, $0.output) }
      }
      let outcomes = planted.indices.concurrentMap { index in
        Result { () -> [Outcome]? in
          let (fault, site) = planted[index]
          let wrong = RecordedActivations(weights: weights, inputs: inputs, planting: [site: fault])
          guard wrong.tensors != right.tensors else { return nil }
          return try Subset.allCases.enumerated().map { index, subset in
            let seed = UInt64(index) &+ 99
            let capture = subset.of(wrong, seed: seed)
            guard capture.tensors != subset.of(right, seed: seed).tensors else { return .hidden }
            let verdict = try Judge(weights: weights, depth: .examined()).verdict(on: capture, golden: golden)
            return verdict.flagged.isEmpty ? .missed : .caught
          }
        }
      }
      for ((fault, _), outcome) in zip(planted, outcomes) {
        guard let outcome = try outcome.get() else { continue }
        for (subset, one) in zip(Subset.allCases, outcome) {
          counts["\(subset)", default: [0, 0, 0]][one.rawValue] += 1
          if Self.isLowBit(fault.id) { continue }
          counts["\(subset), without weight bits 0 to 15", default: [0, 0, 0]][one.rawValue] += 1
        }
      }
      print("done: \(name)")
    }
    for (key, count) in counts.sorted(by: { $0.key < $1.key }) {
      let visible = count[1] + count[2]
      print(
        "PARTIAL \(key): \(count[2]) of \(visible), \(1000 * count[2] / max(visible, 1)) permille; \(count[0]) hidden"
      )
    }
    let whole = counts["\(Subset.everything)"] ?? [0, 0, 0]
    #expect(whole[2] > 0 && whole[0] == 0)
  }

  private static func isLowBit(_ id: String) -> Bool {
    guard id.hasPrefix("weights.bit-"), let bit = Int(id.dropFirst("weights.bit-".count)) else {
      return false
    }
    return bit < 16
  }
}
