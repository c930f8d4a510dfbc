import ArgumentParser
import TouchstoneFaults
import TouchstoneGolden
import TouchstoneModel
import TouchstoneReports
import TouchstoneVerdict

/// What a capture is granted when it is judged.
struct JudgingOptions: ParsableArguments {
  @Flag(help: "Accepts a capture that leaves operations before the logits without any comparison.")
  var partial = false

  @Flag(help: "Grants LayerNorm no variance that is found in one pass, E[x²] − μ².")
  var strict = false

  /// Judges a capture and names the cause of what it finds, after the facts that only files state.
  ///
  /// - Parameter golden: what the reference recorded; nil to judge the capture by the definition alone.
  func verdict(
    on capture: any ActivationSource, golden: ActivationFile?, weights: Weights?
  ) throws -> Verdict {
    let file = capture as? ActivationFile
    let wanted = golden?.weightsDigest ?? weights.map(WeightsDigest.of)
    if let file, let made = file.weightsDigest, let wanted, made != wanted {
      throw BadInput(
        file: file.path, place: "weights_sha256",
        problem: "was made with other weights than \(golden?.path ?? "the model")",
        remedy: "capture the same model")
    }
    do {
      let progress = Progress()
      defer { progress.end() }
      let judge = Judge(
        weights: weights, acceptsPartial: partial, contract: strict ? .strict : .standard)
      let verdict = try judge.verdict(on: capture, golden: golden)
        .diagnosed(capture, golden: golden, weights: weights) { share in
          progress.show("looking for the cause, \(Int(share * 100)) %")
        }
        .examined(capture, weights: weights)
      guard let golden, capture.precision == .float32, let certificate = try TokenCertificate(golden: golden)
      else { return verdict }
      return verdict.adding(note: "Next token: \(CertificateReport(certificate, .init()).sentence).")
    } catch let error as BadInput {
      throw file.map { error.inFile($0.path) } ?? error
    }
  }
}
