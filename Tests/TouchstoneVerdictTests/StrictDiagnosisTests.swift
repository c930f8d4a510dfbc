import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport
import TouchstoneVerdict

/// The contract that finds a fault is the one by which its cause is looked for.
@Suite struct StrictDiagnosisTests {
  /// Weights whose embedding has a mean that is large beside its deviation, where one pass is granted much.
  private func weights(mean: Float) throws -> Weights {
    try Sample.visible.weights().changed { name, values in
      name == "transformer.wte.weight" ? values.map { $0 + mean } : values
    }
  }

  @Test(.clause("BND-6")) func whatOnlyTheStrictContractFindsItAlsoNames() throws {
    let site = Activation(.layerNorm1, layer: 0)
    var (found, named) = (0, 0)
    for mean in [3, 10, 30, 100] as [Float] {
      let weights = try weights(mean: mean)
      let inputs = try Sample.visible.inputs(weights.graph)
      for fault in Fault.catalogue where fault.sites(in: weights.graph).contains(where: { $0.output == site })
      {
        let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [site: fault])
        let standard = try Judge(weights: weights).verdict(on: capture)
        let strict = try Judge(weights: weights, contract: .strict).verdict(on: capture)
        #expect(standard.contract == .standard && strict.contract == .strict)
        guard !standard.flagged.contains(where: { $0.activation == site }),
          strict.flagged.first?.activation == site
        else { continue }
        found += 1
        func diagnosed(by contract: Contract) throws -> Cause? {
          try Judge(weights: weights, contract: contract, depth: .diagnosed())
            .concluded(strict, on: capture, golden: nil).cause
        }
        let cause = try diagnosed(by: .strict)
        if ([cause?.id].compactMap { $0 } + (cause?.equivalents ?? [])).contains(fault.id) { named += 1 }
        // By the standard contract nothing is wrong, and nothing could be named.
        #expect(try diagnosed(by: .standard) == nil, "\(fault.id), \(mean)")
      }
    }
    #expect(found > 0 && 2 * named >= found, "\(named) of \(found)")
  }
}
