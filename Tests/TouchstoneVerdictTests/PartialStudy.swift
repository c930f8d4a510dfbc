import Foundation
import Testing
import TouchstoneFaults
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// Measures what captures that leave things out still show: the tables of Docs/Verdict.md.
///
/// `TOUCHSTONE_STUDY=11,12 swift test --filter PartialStudy` runs it on the models of these seeds.
private let seeds = (ProcessInfo.processInfo.environment["TOUCHSTONE_STUDY"] ?? "").split(separator: ",")
  .compactMap { UInt64($0) }

@Suite(
  .enabled(if: !seeds.isEmpty, "set TOUCHSTONE_STUDY to seeds to measure partial captures"), .serialized)
struct PartialStudy {
  private func models() throws -> [(name: String, weights: Weights, inputs: Inputs)] {
    try seeds.flatMap { seed in
      try SyntheticModel.allCases.enumerated().map { index, kind in
        let width = [64, 35, 96, 100][(index + Int(seed)) % 4]
        let configuration = try Configuration(
          vocabularySize: 101 + 13 * index, contextLength: 32, width: width, layerCount: 2 + Int(seed) % 2,
          headCount: width % 4 == 0 ? 4 : 5,
          activationFunction: (index + Int(seed)) % 2 == 0 ? .geluTanh : .geluErf,
          tiesEmbeddings: index % 2 == 0)
        let count = [24, 13, 19, 17][index]
        let mask = seed % 2 == 0 ? (0..<count).map { $0 % 7 != 3 } : nil
        let inputs = try Inputs(
          tokenIDs: (0..<count).map { ($0 * 7 + 3) % 100 }, attentionMask: mask, configuration: configuration)
        return ("\(kind) \(seed)", try kind.weights(configuration, seed: seed), inputs)
      }
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
          for judge in [Judge(weights: weights), Judge(weights: nil)] {
            let verdict = try judge.verdict(on: capture, golden: golden)
            runs += 1
            if verdict.outcome != .consistent {
              flagged += 1
              let first = verdict.flagged.first
              print(
                "FLAGGED \(name) \(arithmetic) \(subset) \(judge.weights != nil) \(verdict.outcome) "
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

  @Test func faults() throws {
    var counts: [String: (visible: Int, caught: Int)] = [:]
    for (_, weights, inputs) in try models() {
      let right = RecordedActivations(weights: weights, inputs: inputs)
      var random = SplitMix64(seed: 5)
      for fault in Fault.catalogue {
        guard let site = fault.sites(in: weights.configuration).randomElement(using: &random) else {
          continue
        }
        let wrong = RecordedActivations(weights: weights, inputs: inputs, planting: [site.output: fault])
        for (index, subset) in Subset.allCases.enumerated() {
          // What the subset records of it decides whether it is there to be seen.
          let capture = subset.of(wrong, seed: UInt64(index) &+ 99)
          guard capture.tensors != subset.of(right, seed: UInt64(index) &+ 99).tensors else { continue }
          let verdict = try Judge(weights: weights).verdict(on: capture)
          for key in ["\(subset)", "\(subset) / without weight bits 0-15"] {
            if key.hasSuffix("15"), Self.isLowBit(fault.id) { continue }
            counts[key, default: (0, 0)].visible += 1
            counts[key, default: (0, 0)].caught += verdict.outcome == .consistent ? 0 : 1
          }
        }
      }
    }
    for (key, count) in counts.sorted(by: { $0.key < $1.key }) {
      print("\(key): \(count.caught) of \(count.visible), \(1000 * count.caught / count.visible) permille")
    }
  }

  private static func isLowBit(_ id: String) -> Bool {
    guard id.hasPrefix("weights.bit-"), let bit = Int(id.dropFirst("weights.bit-".count)) else {
      return false
    }
    return bit < 16
  }
}
