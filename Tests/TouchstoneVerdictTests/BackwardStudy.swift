import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

/// Measures backward passes of random models: tables of Docs/Measured.md.
///
/// How near honest arithmetic comes to its bounds, which faults are caught, and what gradients of parameters alone still show:
/// `TOUCHSTONE_STUDY=11,12 swift test --filter BackwardStudy`, on one model a seed, of `TOUCHSTONE_FAMILY` if that is given.
@Suite(
  .enabled(if: !studySeeds.isEmpty, "set TOUCHSTONE_STUDY to seeds to measure backward passes"), .serialized)
struct BackwardStudy {
  /// The family that is asked for; nil for that of each seed.
  private static let family = ProcessInfo.processInfo.environment["TOUCHSTONE_FAMILY"].flatMap { name in
    Family.all.first { $0.name == name }
  }

  @Test func honest() throws {
    var worst: [String: (Double, String)] = [:]
    var (runs, flagged) = (0, 0)
    for seed in studySeeds {
      for (index, arithmetic) in HonestArithmetic.ofFamilies.enumerated() {
        let kind = SyntheticModel.allCases[Int(seed) % 4]
        let training = try BackwardTests.Training(
          seed: 1000 * seed + UInt64(index), family: Self.family, kind: kind)
        let capture = try RecordedActivations(
          of: HonestTransformer(training.weights, arithmetic), inputs: training.inputs)
        let verdict = try Judge(weights: training.weights).verdict(on: capture)
        runs += 1
        if verdict.outcome != .consistent {
          flagged += 1
          let list = verdict.flagged.map { "\($0.activation.path) \($0.zone) \($0.ratio)" }
          print("FLAGGED \(arithmetic) \(training) \(verdict.outcome) \(list) \(verdict.uncovered)")
        }
        for finding in verdict.findings where finding.activation.isOfBackwardPass {
          let name =
            training.weights.graph.operation(making: finding.activation).map { $0.kind.name } ?? ""
          if finding.ratio > worst[name]?.0 ?? -1 {
            worst[name] = (finding.ratio, "\(arithmetic) \(finding.activation)")
          }
        }
      }
    }
    print("HONEST \(runs) runs, \(flagged) flagged")
    for (kind, found) in worst.sorted(by: { $0.key < $1.key }) { print("HONEST \(kind): \(found)") }
    #expect(flagged == 0)
  }

  /// Plants every fault of gradients and losses at the first and the last of its places; prints what is missed or misnamed.
  @Test func faults() throws {
    var (visible, caught, placed, named, alike, wrong) = (0, 0, 0, 0, 0, 0)
    for seed in studySeeds {
      let training = try BackwardTests.Training(seed: seed, family: Self.family)
      let found = try BackwardTests.plant(training, each: 1)
      visible += found.visible
      caught += found.caught
      placed += found.placed
      named += found.named
      alike += found.alike
      wrong += found.wrong
      print("FAULTS \(training): \(found)")
    }
    print(
      "FAULTS visible \(visible) caught \(caught) placed \(placed) named \(named) alike \(alike) wrong \(wrong)"
    )
  }

  /// Whether gradients of parameters are too far off, as others decide it.
  private static let rules: [(name: String, isFlagged: @Sendable ([(got: Double, want: Double)]) -> Bool)] = [
    ("2e-2 absolute", { pairs in !pairs.allSatisfy { abs($0.got - $0.want) <= 2e-2 } }),
    (
      "assert_close",
      { pairs in !pairs.allSatisfy { abs($0.got - $0.want) <= 1e-5 + 1.3e-6 * abs($0.want) } }
    ),
    ("allclose 1e-3", { pairs in !pairs.allSatisfy { abs($0.got - $0.want) <= 1e-3 + 1e-3 * abs($0.want) } }),
    (
      "1e-3 of the norm",
      { pairs in
        let error = pairs.reduce(0) { $0 + ($1.got - $1.want) * ($1.got - $1.want) }
        return !(error <= 1e-6 * pairs.reduce(0) { $0 + $1.want * $1.want })
      }
    ),
  ]

  /// What a capture shows that holds the gradients of parameters and nothing else.
  @Test func gradientsAlone() throws {
    var counts: [String: (flagged: Int, caught: Int)] = [:]
    var (runs, visible) = (0, 0)
    for seed in studySeeds {
      let training = try BackwardTests.Training(seed: seed, family: Self.family)
      let (graph, inputs) = (training.weights.graph, training.inputs)
      let golden = try Golden(training.weights, inputs)
      func flags(_ run: RecordedActivations) throws -> [String: Bool] {
        var capture = run
        capture.tensors = run.tensors.filter { $0.key.isOfGradients }
        let verdict = try Judge(weights: training.weights, depth: .examined()).verdict(
          on: capture, golden: golden)
        var flags = ["Touchstone": !verdict.flagged.isEmpty]
        for rule in Self.rules {
          flags[rule.name] = capture.tensors.contains { activation, tensor in
            rule.isFlagged(
              zip(tensor.values, golden.recorded.tensors[activation]?.values ?? []).map { ($0, $1) })
          }
        }
        return flags
      }
      for arithmetic in HonestArithmetic.ofFamilies {
        let run = try RecordedActivations(of: HonestTransformer(training.weights, arithmetic), inputs: inputs)
        runs += 1
        for (name, isFlagged) in try flags(run) where isFlagged {
          counts[name, default: (0, 0)].flagged += 1
          if name == "Touchstone" { print("FLAGGED \(training) \(arithmetic)") }
        }
      }
      for fault in Fault.catalogue(of: graph) where [.gradient, .loss].contains(fault.family) {
        guard let site = fault.sites(in: graph).last?.output else { continue }
        let run = RecordedActivations(weights: training.weights, inputs: inputs, planting: [site: fault])
        let isVisible = run.tensors.contains {
          $0.key.isOfGradients && $0.value != golden.recorded.tensors[$0.key]
        }
        guard isVisible else { continue }
        visible += 1
        for (name, isFlagged) in try flags(run) {
          if isFlagged { counts[name, default: (0, 0)].caught += 1 }
          if !isFlagged, name == "Touchstone" { print("MISSED \(training) \(fault.id) at \(site)") }
        }
      }
    }
    for (name, count) in counts.sorted(by: { $0.key < $1.key }) {
      print("ALONE \(name): \(count.flagged) of \(runs) flagged, \(count.caught) of \(visible) caught")
    }
    #expect(counts["Touchstone"]?.flagged ?? 0 == 0)
  }
}

extension Activation {
  fileprivate var isOfBackwardPass: Bool { path.hasPrefix("grad/") || path.hasPrefix("loss/") }
  fileprivate var isOfGradients: Bool { path.hasPrefix("grad/weights/") }
}

extension TouchstoneGraph.Operation.Kind {
  fileprivate var name: String { String(String(describing: self).prefix { $0 != "(" }) }
}
