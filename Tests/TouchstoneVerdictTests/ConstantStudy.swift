import Foundation
import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// Measures what each constant of the contract costs and buys: a table of Docs/Measured.md.
///
/// `TOUCHSTONE_CONSTANTS=121,122 swift test --filter ConstantStudy` judges thirty honest implementations and every
/// fault once, on four models a seed, under each value.
private let seeds = (ProcessInfo.processInfo.environment["TOUCHSTONE_CONSTANTS"] ?? "").split(separator: ",")
  .compactMap { UInt64($0) }

@Suite(.enabled(if: !seeds.isEmpty, "set TOUCHSTONE_CONSTANTS to seeds to vary the contract"))
struct ConstantStudy {
  private struct Variation {
    let name: String
    let contract: Contract
    /// The faults that the constant may hide.
    let families: Set<Fault.Family>

    init(
      _ name: String, _ path: WritableKeyPath<Contract, Double>, _ value: Double,
      _ families: Set<Fault.Family> = Set(Fault.Family.allCases)
    ) {
      self.name = "\(name) \(value)"
      self.families = families
      var contract = Contract.standard
      contract[keyPath: path] = value
      self.contract = contract
    }

    static let all = [
      [2, 3, 4, 5, 6, 8, 12, 16, 32].map { Variation("lambda", \.deviations, $0) },
      [0, 1, 2, 4, 6, 12].map { Variation("exp, u", \.exponential, $0, [.softmax]) },
      [0, 1, 2, 5, 10, 20].map { Variation("tanh, u", \.tanh, $0, [.activation]) },
      [0, 5, 10, 16, 20, 40].map { Variation("erf, u", \.erf, $0, [.activation]) },
      [0, 1, 2, 3, 6, 12].map { Variation("1/root, u", \.inverseRoot, $0, [.layerNorm]) },
    ].flatMap { $0 }
  }

  private func sample(_ kind: SyntheticModel, _ index: Int, seed: UInt64) -> Sample {
    let shapes = [(35, 5), (44, 4), (64, 4), (51, 3)]
    let (width, headCount) = shapes[(index + Int(seed)) % 4]
    return Sample(
      kind: kind, seed: seed, width: width, headCount: headCount, tokenCount: 16,
      activationFunction: (index + Int(seed) / 2) % 2 == 0 ? .geluTanh : .geluErf, attentionMask: nil)
  }

  @Test func everyConstantIsVaried() throws {
    var honest = 0
    var faulty = [Int](repeating: 0, count: Variation.all.count)
    var (flagged, caught) = (faulty, faulty)
    for seed in seeds {
      for (index, kind) in SyntheticModel.allCases.enumerated() {
        let sample = sample(kind, index, seed: seed)
        let weights = try sample.weights()
        let inputs = try sample.inputs(weights.graph)
        /// Counts under which variations a capture is not consistent.
        func judge(_ capture: RecordedActivations, of family: Fault.Family?, into counts: inout [Int]) throws
        {
          for (index, variation) in Variation.all.enumerated()
          where family.map(variation.families.contains) ?? true {
            let verdict = try Judge(weights: weights, contract: variation.contract).verdict(on: capture)
            if verdict.outcome != .consistent { counts[index] += 1 }
          }
        }
        for arithmetic in HonestArithmetic.all {
          let capture = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
          honest += 1
          try judge(capture, of: nil, into: &flagged)
        }
        let right = RecordedActivations(weights: weights, inputs: inputs)
        var random = SplitMix64(seed: seed)
        for fault in Fault.catalogue {
          guard let site = fault.sites(in: weights.graph).randomElement(using: &random) else {
            continue
          }
          let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [site.output: fault])
          guard capture.tensors != right.tensors else { continue }
          for (index, variation) in Variation.all.enumerated()
          where variation.families.contains(fault.family) { faulty[index] += 1 }
          try judge(capture, of: fault.family, into: &caught)
        }
      }
    }
    print("CONSTANTS seeds \(seeds): \(honest) honest runs")
    for (index, variation) in Variation.all.enumerated() {
      print(
        "CONSTANTS \(variation.name): \(flagged[index]) flagged, \(caught[index]) of \(faulty[index]) caught")
    }
    let standard = Variation.all.indices.filter { Variation.all[$0].contract == .standard }
    #expect(standard.allSatisfy { flagged[$0] == 0 })
  }
}
