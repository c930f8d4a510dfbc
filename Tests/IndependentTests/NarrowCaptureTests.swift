import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneFaults
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport
import TouchstoneVerdict

/// What engines computed in 16 bits, and small programs that store as no right one does: `Fixtures`, each named after the
/// golden whose sequence it ran.
@Suite struct NarrowCaptureTests {
  private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  private static let golden = tests.appendingPathComponent("../../golden").standardizedFileURL

  private static func judged(_ name: String) throws -> (verdict: Verdict, headline: Headline) {
    let capture = try ActivationFile(path: tests.appendingPathComponent("Fixtures/\(name).h5").path)
    let model = name.hasSuffix("@shakespeare-short") ? "shakespeare-gpt2" : "gpt2-odd-a"
    let weights = try Checkpoint(directory: golden.appendingPathComponent("models/\(model)")).weights
    let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
    return (verdict, Headline(verdict))
  }

  @Test(
    .clause("BND-16"),
    arguments: [
      // Inductor fuses: sums and LayerNorms read the stream before it is rounded, or after, as the graph falls into kernels.
      ("torch-compile-bf16", [Policy.unroundedStream]),
      // Casts around operations are taken out: the stream, scores and probabilities stay in float32.
      ("ort-f16", [.unroundedStream, .unroundedInputsScaleInType]),
      ("mlx-f16-precise", [.roundedSteps, .scaleInType]),
    ])
  func rightEnginesAreConsistentAndTheReportSaysByWhichPolicy(name: String, policies: [Policy]) throws {
    let (verdict, _) = try Self.judged("\(name)@gpt2-odd-a")
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
    for policy in policies {
      #expect(verdict.findings.contains { $0.policy == policy })
      #expect(verdict.notes.contains { $0.contains("judged as if \(policy.sentence)") })
    }
  }

  /// The mean, the variance and exponentials rounded to the type are not a choice that right programs have.
  @Test(.clause("BND-16")) func everyStepInTheTypeIsAMismatch() throws {
    let (verdict, _) = try Self.judged("jax-bf16@gpt2-odd-a")
    #expect(verdict.outcome == .mismatch)
    let flagged = Set(verdict.flagged.map(\.activation.path))
    #expect(flagged.isSuperset(of: (0..<3).map { "layers/00\($0)/attn_probs" } + ["layers/000/ln_1"]))
  }

  /// Hugging Face's norm of ImageGPT is no module of PyTorch, and every step of it is stored in the type of the model.
  @Test(.clause("BND-16"), arguments: [("torch-bf16", "bfloat16"), ("torch-f16", "float16")])
  func aNormThatStoresItsStatisticsIsNamed(name: String, type: String) throws {
    let golden = try ActivationFile(
      path: Self.golden.appendingPathComponent("cases/tiny-imagegpt-layers.h5").path)
    let capture = try ActivationFile(
      path: Self.tests.appendingPathComponent("Fixtures/\(name)@tiny-imagegpt-layers.h5").path)
    let weights = try #require(try golden.weights())
    let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture, golden: golden)
    // Its scores are divided twice and stored in between, which is granted.
    #expect(Set(verdict.flagged.map(\.activation.name)) == ["ln_1", "ln_2", "final/ln_f"])
    #expect(
      verdict.causes.map(\.name)
        == ["the norm is rounded to \(type) after every step, σ too, by which it divides"])
  }

  @Test(.clause("NUM-18")) func narrowArithmeticThatIsSaidToBeFloat32IsAMismatch() throws {
    let (verdict, _) = try Self.judged("torch-autocast-bf16-said-float32@gpt2-odd-a")
    #expect(verdict.outcome == .mismatch)
    #expect(verdict.precision == .float32)
  }

  @Test(
    .clause("BND-17"),
    arguments: [
      ("bfloat16-residual-cut@gpt2-odd-a", 3), ("bfloat16-residual-cut@shakespeare-short", 4),
      ("bfloat16-cut-everywhere@gpt2-odd-a", 3),
    ])
  func valuesThatAreCutAreAMismatch(name: String, layerCount: Int) throws {
    let (verdict, headline) = try Self.judged(name)
    #expect(verdict.outcome == .mismatch)
    #expect(headline.sentence.contains("is cut to bfloat16, not rounded"))
    #expect(headline.sentence.contains("errors have one sign"))
    let cut = Set(
      verdict.flagged.filter { $0.problem?.contains("is cut to bfloat16") == true }.map(\.activation))
    for layer in 0..<layerCount {
      #expect(cut.contains(Activation(.residualMiddle, layer: layer)))
      #expect(cut.contains(Activation(.residualOut, layer: layer)))
    }
    let isEverywhere = name.contains("everywhere")
    #expect(cut.contains(Activation(.logits)) == isEverywhere)
    #expect(cut.contains(Activation(.query, layer: 0)) == isEverywhere)
  }

  @Test(.clause("BND-17")) func fromResultsAloneItIsSaidThatCuttingWasNotLookedFor() throws {
    let (verdict, _) = try Self.judged("bfloat16-cut-everywhere-logits@gpt2-odd-a")
    #expect(verdict.notes.contains { $0.contains("nothing finer than a rounding was looked for") })
  }

  @Test(.clause("NUM-18"), arguments: [ScalarType.bfloat16, .float16])
  func aWidenedCaptureThatNamesNoPrecisionIsJudgedAsWhatItIs(_ type: ScalarType) throws {
    let (verdict, headline) = try Self.judged("\(type.rawValue)-widened-unnamed@gpt2-odd-a")
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
    #expect(headline.sentence.contains("judged as \(type.rawValue): every value is a \(type.rawValue)"))
  }

  @Test(.clause("NUM-17")) func aClaimOf16BitsGrantsNothingToValuesOfFloat32() throws {
    let folder = Self.tests.appendingPathComponent("Fixtures")
    let golden = try ActivationFile(path: folder.appendingPathComponent("says-bfloat16-golden.h5").path)
    let capture = try ActivationFile(path: folder.appendingPathComponent("says-bfloat16-erf.h5").path)
    let weights = try #require(try golden.weights())
    let verdict = try Judge(weights: weights).verdict(on: capture, golden: golden)
    #expect(verdict.outcome == .mismatch)
    #expect(verdict.flagged.map(\.activation.point) == [.feedForwardActivation])
    #expect(Headline(verdict).sentence.contains("the capture names bfloat16-truncating"))
  }
}
