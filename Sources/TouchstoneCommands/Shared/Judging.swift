import TouchstoneGolden
import TouchstoneModel
import TouchstoneVerdict

/// Judges a capture, after the facts that only files state.
func judge(
  _ capture: any ActivationSource, golden: ActivationFile, weights: Weights?
) throws -> Verdict {
  let file = capture as? ActivationFile
  if let file, let made = file.weightsDigest, let wanted = golden.weightsDigest, made != wanted {
    throw BadInput(
      file: file.path, place: "weights_sha256", problem: "was made with other weights than \(golden.path)",
      remedy: "capture the golden's own model")
  }
  do {
    return try Judge(weights: weights).verdict(on: capture, golden: golden)
  } catch let error as BadInput {
    throw file.map { error.inFile($0.path) } ?? error
  }
}
