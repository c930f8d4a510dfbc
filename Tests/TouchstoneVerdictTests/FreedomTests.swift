import Testing
import TouchstoneCheckpoints
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

/// What each bound grants, and what it does not: an implementation that uses the freedom, and a fault beyond it.
@Suite struct FreedomTests {
  struct Freedom: Sendable, CustomStringConvertible {
    let clause: String
    let point: Activation.Point
    let arithmetic: HonestArithmetic
    /// Flagged at the point, though it looks like rounding.
    let fault: String

    var description: String { "\(clause): \(arithmetic.name), but not \(fault)" }

    static let all = [
      Freedom(
        clause: "BND-3", point: .feedForwardOutput,
        arithmetic: HonestArithmetic("a shuffled sum", .shuffled(seed: 91)),
        fault: "precision.truncated-14-accumulator"),
      Freedom(
        clause: "BND-5", point: .feedForwardInput,
        arithmetic: HonestArithmetic("a sum of 16 lanes", .lanes(16, fused: true)),
        fault: "precision.tf32-operands"),
      Freedom(
        clause: "BND-6", point: .layerNorm1, arithmetic: HonestArithmetic("one pass", layerNorm: .onePass),
        fault: "norm.statistics-in-half"),
      Freedom(
        clause: "BND-7", point: .attentionScores,
        arithmetic: HonestArithmetic("queries scaled first", scalesQueries: true),
        fault: "precision.bfloat16-operands"),
      Freedom(
        clause: "BND-8", point: .attentionProbabilities,
        arithmetic: HonestArithmetic("powers of two", softmax: .base2), fault: "softmax.exp-to-1e-4"),
      Freedom(
        clause: "BND-10", point: .attentionContext,
        arithmetic: HonestArithmetic("blocks of one key", softmax: .online(block: 1), fusesAttention: true),
        fault: "precision.tf32-operands"),
      Freedom(
        clause: "BND-11", point: .feedForwardActivation,
        arithmetic: HonestArithmetic("a logistic function", gelu: .byLogistic),
        fault: "gelu.constant-0.79788"),
    ]
  }

  @Test(
    .clause("BND-3", "BND-5", "BND-6", "BND-7", "BND-8", "BND-10", "BND-11"), arguments: Freedom.all)
  func whatABoundGrantsIsConsistentAndWhatItDoesNotIsFlagged(_ freedom: Freedom) throws {
    let sample = Sample(
      kind: .probing, seed: 31, width: 44, headCount: 4, tokenCount: 15, activationFunction: .geluTanh,
      attentionMask: nil)
    let weights = try sample.weights()
    let inputs = try sample.inputs(weights.graph)
    let honest = try RecordedActivations(of: HonestTransformer(weights, freedom.arithmetic), inputs: inputs)
    let verdict = try Judge(weights: weights).verdict(on: honest)
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
    let point = Activation(freedom.point, layer: 1)
    // The freedom is used: the activation is not that of sums in order.
    let plain = try RecordedActivations(
      of: HonestTransformer(weights, HonestArithmetic("sequential")), inputs: inputs)
    #expect(honest.tensors[point] != plain.tensors[point])

    let fault = try #require(Fault.named(freedom.fault))
    let wrong = RecordedActivations(weights: weights, inputs: inputs, planting: [point: fault])
    let flagged = try Judge(weights: weights).verdict(on: wrong).flagged
    #expect(flagged.first?.activation == point, "\(flagged)")
  }

  /// Rows whose mean is up to a thousand times their deviation.
  @Test(
    .clause("BND-6"),
    arguments: [HonestArithmetic.LayerNormForm.twoPass, .welford, .folded, .onePass])
  func aCancellingVarianceIsRefusedOnlyByTheStrictContract(
    _ form: HonestArithmetic.LayerNormForm
  ) throws {
    let preset = try Preset.named("probe-offsets")
    let weights = try Synthesizer.weights(preset)
    let inputs = try Inputs(tokenIDs: Array(0..<31), graph: weights.graph)
    for summation in [Summation.sequential, .lanes(8, fused: true), .pairwise] {
      let capture = try RecordedActivations(
        of: HonestTransformer(weights, HonestArithmetic("\(form)", summation, layerNorm: form)),
        inputs: inputs)
      let standard = try Judge(weights: weights).verdict(on: capture)
      #expect(standard.outcome == .consistent, "\(standard.flagged)")
      let strict = try Judge(weights: weights, contract: .strict).verdict(on: capture)
      let isOnePass = form == .onePass
      #expect((strict.outcome == .consistent) == !isOnePass, "\(strict.flagged)")
      if isOnePass {
        let first = try #require(strict.flagged.first)
        #expect(first.activation == Activation(.layerNorm1, layer: 0))
        #expect(first.problem?.contains("one pass") == true)
      }
    }
  }

  /// Gains far below the biases: the second part of x·s + (b − μ·s) is rounded at the size of b.
  @Test(.clause("BND-6"), arguments: [HonestArithmetic.LayerNormForm.twoPass, .welford, .folded, .onePass])
  func aFoldedLayerNormIsConsistentWhereBiasesAreLarge(_ form: HonestArithmetic.LayerNormForm) throws {
    let sample = Sample.all[0]
    var random = SplitMix64(seed: 0xB1A5)
    let weights = try sample.weights().changed { name, values in
      guard name.contains("ln_") else { return values }
      return name.hasSuffix(".weight")
        ? values.map { $0 / 1000 } : values.map { _ in Float.random(in: 1...2, using: &random) }
    }
    let run = try RecordedActivations(
      of: HonestTransformer(weights, HonestArithmetic("\(form)", layerNorm: form)),
      inputs: try sample.inputs(weights.graph))
    let verdict = try Judge(weights: weights).verdict(on: run)
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
  }
}
