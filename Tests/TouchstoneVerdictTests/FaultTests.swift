import Testing
import TouchstoneFaults
import TouchstoneModel
import TouchstoneVerdict

@Suite struct FaultTests {
  /// Runs with `fault` planted at each of its sites in turn, where it changes anything.
  private func plantings(
    of fault: Fault, in sample: Sample
  ) throws -> [(site: Activation, capture: RecordedActivations, verdict: Verdict)] {
    let weights = try sample.weights()
    let inputs = try sample.inputs(weights.configuration)
    let right = RecordedActivations(weights: weights, inputs: inputs)
    return try fault.sites(in: weights.configuration).compactMap { site in
      let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [site.output: fault])
      guard capture.tensors != right.tensors else { return nil }
      return (site.output, capture, try Judge(weights: weights).verdict(on: capture))
    }
  }

  @Test(arguments: Fault.catalogue.map(\.id))
  func aFaultIsCaughtSomewhereAndNeverElsewhere(_ id: String) throws {
    let fault = try #require(Fault.named(id))
    var caught = 0
    for sample in Sample.all {
      for planting in try plantings(of: fault, in: sample) {
        let first = planting.verdict.flagged.first
        #expect(first == nil || first?.activation == planting.site, "\(sample)")
        if planting.verdict.outcome == .mismatch { caught += 1 }
      }
    }
    #expect(caught > 0)
  }

  @Test(arguments: [
    "attention.no-scale", "mask.one-later", "mask.one-earlier", "activation.gelu_new", "bias.missing",
    "heads.interleaved", "attention.key-not-transposed", "position.one-later", "cache.stale-key",
    "cache.stale-value", "residual.doubled", "norm.missing", "tail.modulo-8",
  ])
  func aGrossFaultIsProvenWhereverItIsPlanted(_ id: String) throws {
    let fault = try #require(Fault.named(id))
    let plantings = try plantings(of: fault, in: .visible)
    #expect(!plantings.isEmpty)
    for planting in plantings {
      let first = try #require(planting.verdict.flagged.first)
      #expect(first.activation == planting.site)
      #expect(first.zone == .proven)
    }
  }

  @Test func anEpsilonIsProvenWhereRowsAreSmall() throws {
    let fault = try #require(Fault.named("norm.epsilon-1e-06"))
    let first = try #require(plantings(of: fault, in: Sample.all[0]).first)
    #expect(first.verdict.flagged.first?.activation == Activation(.layerNorm1, layer: 0))
    #expect(first.verdict.flagged.first?.zone == .proven)
  }

  @Test func idsAreUniqueAndSayTheirFamily() {
    let ids = Fault.catalogue.map(\.id)
    #expect(Set(ids).count == ids.count)
    #expect(ids.allSatisfy { $0.contains(".") })
  }

  /// Moves one element of one tensor by ten times a bound: the operation that made it is flagged first.
  @Test(arguments: Sample.visible.points)
  func aMovedElementIsFlaggedAtItsOperation(_ activation: Activation) throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.configuration)
    let judge = Judge(weights: weights)
    let honest = RecordedActivations(weights: weights, inputs: inputs)
    let estimate = try #require(try judge.estimate(activation, in: honest))
    // An element that is judged, whatever the mask: query 5, key 3.
    let offset =
      activation.point == .attentionScores || activation.point == .attentionProbabilities ? 5 * 13 + 3 : 77
    for (bound, expected) in [
      (estimate.bounds[offset].det, [Zone.proven]),
      (estimate.bounds[offset].stat, [.suspect, .fail, .proven]),
    ] {
      var capture = honest
      let want = estimate.values.values[offset]
      capture.tensors[activation]?.values[offset] =
        want == 0 && bound == 0 ? 0x1p-149 : want + 10 * bound + want.ulp
      let first = try #require(judge.verdict(on: capture).flagged.first)
      #expect(first.activation == activation)
      #expect(expected.contains(first.zone))
      #expect(first.ratio > 9)
    }
  }
}

extension Sample {
  /// The activations of a model of two layers.
  var points: [Activation] {
    (try? weights().configuration.operations.map(\.output)) ?? []
  }
}
