import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneSIMD

/// Which regions compute a graph, and which graphs none computes.
@Suite struct PlanTests {
  private func names(_ graph: Graph) throws -> [String] {
    try Plan(graph).regions.map { "\(type(of: $0))" }
  }

  private static let block = [
    "Rename", "Norm", "ProjectHeads", "Attend", "ProjectOnto", "Norm", "FeedForwardInput", "ProjectOnto",
  ]

  @Test func aBlockOfEitherFamilyIsEightRegions() throws {
    for example in [try #require(cases.first), try #require(llamas.first)] {
      #expect(try names(example.graph) == ["Embed"] + Self.block + Self.block + ["Norm"], "\(example)")
      #expect(try Plan(example.graph).readout != nil)
    }
  }

  @Test func everyModelHasAPlan() {
    for example in everyCase {
      #expect((try? Plan(example.graph)) != nil, "\(example)")
    }
    #expect(cases.count == 7 && llamas.count == 14 && experts.count == 10 && encoders.count == 10)
    #expect(encoderDecoders.count == 6 && hearing.count == 4 && pictures.count == 6)
    for (name, form) in Form.all { #expect(throws: Never.self) { try form.example(name, seed: 1) } }
  }

  /// A model that is changed in one operation, and where the plan must stop.
  enum Change: String, CaseIterable {
    case cappedStream, temperature, secondHead, overwrittenStream, splitVisibility, keysReadAgain
    case twiceTheStream, overwrittenTable, scaledByLess, cappedFromTheEnd

    var place: String {
      switch self {
      case .splitVisibility, .scaledByLess, .cappedFromTheEnd: "layers/000/attn_scores"
      case .cappedStream: "layers/000/capped"
      case .temperature: "final/probs"
      case .secondHead: "final/other"
      case .overwrittenStream, .overwrittenTable: "layers/000/again"
      case .keysReadAgain: "layers/000/attn_scores"
      case .twiceTheStream: "layers/000/twice"
      }
    }
  }

  /// A small gated model with that change in it.
  private func graph(_ change: Change?) throws -> Graph {
    var g = GraphBuilder(root: "", layout: .outputsFirst)
    let table = g.parameter("table", 11, 8)
    var x = g.embedding("embed/token", .tokenIDs, in: table)
    let token = x
    let bias = change == .cappedFromTheEnd ? [g.alibi("embed/attn_bias", Alibi(heads: 2, form: .mpt))] : []
    g.block(0, parameters: "0.") { b in
      let first = b.rmsNorm("ln_1", x, RMSNorm(epsilon: 1e-5), "ln_1")
      let query = b.linear("q", first, "q", outputs: 8, hasBias: false, heads: 2)
      let key = b.linear("k", first, "k", outputs: 8, hasBias: false, heads: 2)
      let value = b.linear("v", first, "v", outputs: 8, hasBias: false, heads: 2)
      let rule = Visibility.causal
      let scores = b.append(
        AttentionScores(scale: change == .scaledByLess ? -0.5 : 0.5, visibility: rule), "attn_scores",
        from: [query, key] + bias)
      let read = bias.isEmpty ? scores : b.softCap("attn_capped", scores, at: 3)
      let window = Visibility(isCausal: true, window: 2)
      let probabilities = b.append(
        AttentionProbabilities(visibility: change == .splitVisibility ? window : rule), "attn_probs",
        from: [read])
      let context = b.append(
        AttentionContext(visibility: rule), "attn_context", from: [probabilities, value])
      if change == .keysReadAgain {
        _ = b.rmsNorm("again", key, RMSNorm(epsilon: 1e-5), "again")
      }
      let out = b.linear("attn_out", context, "out", outputs: 8, hasBias: false)
      x = b.sum("resid_mid", x, out)
      if change == .overwrittenStream { x = b.sum("again", x, token) }
      // The sum stands where the token stood.
      if change == .overwrittenTable { _ = b.rmsNorm("again", token, RMSNorm(epsilon: 1e-5), "again") }
      if change == .cappedStream { x = b.softCap("capped", x, at: 3) }
      if change == .twiceTheStream { x = b.sum("twice", x, x) }
      let second = b.rmsNorm("ln_2", x, RMSNorm(epsilon: 1e-5), "ln_2")
      let gate = b.linear("mlp_gate", second, "gate", outputs: 12, hasBias: false)
      let up = b.linear("mlp_up", second, "up", outputs: 12, hasBias: false)
      let active = b.activate("mlp_act", ActivationFunction(.silu), gate)
      let gated = b.product("mlp_gated", active, up)
      x = b.sum("resid_out", x, b.linear("mlp_out", gated, "down", outputs: 8, hasBias: false))
    }
    let logits = g.linear(
      "final/logits", g.rmsNorm("final/ln_f", x, RMSNorm(epsilon: 1e-5), "norm"), rowsOf: table)
    if change == .temperature {
      _ = g.append(Softmax(temperature: 2), "final/probs", from: [logits])
    } else {
      _ = g.softmax("final/probs", logits)
    }
    if change == .secondHead { _ = g.identity("final/other", token) }
    return try g.graph(logits: logits)
  }

  @Test func theModelWithoutAChangeHasAPlan() throws {
    #expect(try names(graph(nil)) == ["Embed"] + Self.block.dropFirst() + ["Norm"])
  }

  @Test(.clause("KER-15"), arguments: Change.allCases)
  func whatNoRegionComputesIsRefusedByName(_ change: Change) throws {
    let weights = try randomWeights(graph(change), seed: 1)
    let error = #expect(throws: BadInput.self) { try SIMDTransformer(weights: weights) }
    #expect(error?.place == change.place)
  }

  /// The fast implementation's own formulas against the reference's.
  @Test(
    .clause("ROP-6", "ROP-7", "ROP-8", "ROP-9", "ROP-10", "ROP-11", "ROP-12"), arguments: llamas)
  func frequenciesAreTheReferences(_ example: Case) throws {
    let rotations = try Plan(example.graph).needs.rotations
    #expect(rotations.count == 1)
    for rotation in rotations {
      for length in [1, 16, 17, 33, 1000] {
        let pairs = rotation.kind.width / 2
        let found = rotation.frequencies(sequenceLength: length)
        let wanted = rotation.kind.frequencies.values(pairs: pairs, sequenceLength: length)
        #expect(found.count == wanted.count)
        for (a, b) in zip(found, wanted) { #expect(abs(a - b) <= 1e-14 * abs(b), "\(example), \(length)") }
      }
    }
  }

  @Test func someColumnsOnlyTurn() throws {
    let turning = RotaryFrequencies(theta: 100, scaling: .proportional(factor: 2, turning: 3))
    let (found, wanted) = (
      turning.radians(pairs: 5, sequenceLength: 9), turning.values(pairs: 5, sequenceLength: 9)
    )
    #expect(found.count == 5 && found[3...] == [0, 0])
    for (a, b) in zip(found, wanted) { #expect(abs(a - b) <= 1e-14 * b) }
  }
}

/// A small Llama that others trained, where it lies beside the checkout.
@Suite struct TrainedLlamaTests {
  private static let folder = URL(fileURLWithPath: #filePath)
    .appendingPathComponent("../../../../shared/data/third-party-weights/stories260K/hf").standardizedFileURL

  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: folder.path),
      "the model is not bundled; it is not beside the checkout"))
  func greedyTokensAreHuggingFaces() throws {
    var transformer = try SIMDTransformer(weights: Checkpoint(directory: Self.folder).weights)
    var tokens = [1]
    for expected in Self.expected {
      let logits = try transformer.nextTokenLogits(after: tokens)
      tokens.append(try #require(logits.indices.max { logits[$0] < logits[$1] }))
      #expect(tokens.last == expected)
    }
  }

  /// What `transformers` 5.24.0 generates greedily behind the token 1, in float64.
  private static let expected: [Int] = [
    403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267, 337, 410,
    408, 419, 292,
  ]
}
