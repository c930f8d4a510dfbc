import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneFaults
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// What unmodified llama.cpp computed on the trained model, and what Touchstone says of it.
@Suite struct EngineCaptureTests {
  private static let golden = URL(fileURLWithPath: #filePath)
    .appendingPathComponent("../../../golden").standardizedFileURL

  private static func judged(_ name: String) throws -> (
    verdict: Verdict, capture: ActivationFile, weights: Weights
  ) {
    let model = golden.appendingPathComponent("models/shakespeare-gpt2")
    let weights = try Checkpoint(directory: model).weights
    let capture = try ActivationFile(path: golden.appendingPathComponent("independent/\(name)").path)
    return (try Judge(weights: weights).verdict(on: capture), capture, weights)
  }

  @Test func withAFloat32CacheOnlyGELUDiffers() throws {
    let (verdict, capture, weights) = try Self.judged("llama.cpp-prompt-1-cache-f32.h5")
    #expect(verdict.outcome == .mismatch)
    #expect(verdict.flagged.map(\.activation.path) == (0..<4).map { "layers/00\($0)/mlp_act" })
    #expect(verdict.flagged.allSatisfy { $0.zone == .proven && (1400...2700).contains($0.ratio) })
    #expect(verdict.notCompared.map(\.path) == ["embed/token", "embed/position", "final/probs"])
    let cause = try #require(
      Judge(weights: weights, depth: .diagnosed()).concluded(verdict, on: capture, golden: nil).cause)
    #expect(cause.id == "gelu.half-table")
    #expect(cause.equivalents.isEmpty)
    #expect(cause.nextRatio.map { $0 > 100 } == true)
  }

  @Test func withAHalfPrecisionCacheAttentionDiffersToo() throws {
    let (verdict, capture, weights) = try Self.judged("llama.cpp-prompt-1-cache-f16.h5")
    #expect(verdict.outcome == .mismatch)
    let expected = (0..<4).flatMap { layer in
      ["attn_scores", "attn_context", "mlp_act"].map { "layers/00\(layer)/\($0)" }
    }
    #expect(verdict.flagged.map(\.activation.path) == expected)
    #expect(verdict.flagged.allSatisfy { $0.zone == .proven })
    let causes = try verdict.flagged.prefix(3).map { finding in
      let verdict = Verdict(outcome: .mismatch, method: .replay, findings: [finding])
      return try Judge(weights: weights, depth: .diagnosed())
        .concluded(verdict, on: capture, golden: nil).cause?.id
    }
    #expect(
      causes == ["cache.half-keys-and-queries", "cache.half-values-and-probabilities", "gelu.half-table"])
  }

  /// Fused attention of one that records half-precision keys is granted so much that the bounds hardly show sums in half
  /// precision; the numbers do.
  ///
  /// llama.cpp scales Phi's queries before they are rounded, and has no window for StarCoder2.
  @Test(
    arguments: [
      ("tiny-neox", "queries, keys"), ("tiny-phi", "scaled queries, keys"),
      ("tiny-starcoder2", "the window is ignored"),
    ])
  func whatFusedAttentionSumsInHalfPrecisionIsReadOffTheNumbers(_ model: String, _ words: String) throws {
    let golden = try ActivationFile(path: Self.golden.appendingPathComponent("cases/\(model).h5").path)
    let weights = try #require(try golden.weights())
    let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
    let capture = try ActivationFile(
      path: fixtures.appending(path: "llama.cpp-\(model)-flash-f16.h5").path)
    let verdict = try Judge(weights: weights, depth: .diagnosed()).verdict(on: capture, golden: golden)
    #expect(verdict.outcome == .mismatch)
    let cause = try #require(verdict.causes.first)
    #expect(cause.id == "read.attention.in-half")
    #expect(
      cause.name.contains("the sum of values is held in float16, rounded after every key")
        || words.contains("window"))
    #expect(cause.name.contains(words))
    #expect(cause.places == ["layers/000/attn_context", "layers/001/attn_context"])
    #expect(verdict.causes.contains { $0.name.contains("through a half-precision table") })
  }
}
