import Foundation
import Testing
import TouchstoneModel
import TouchstoneTestSupport

/// What must never exit 0, and what is said instead.
@Suite struct EdgeTests {
  private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().path + "/Fixtures/"
  private static let cases = Program.checkout.appending(path: "golden/cases").path + "/"

  private func diff(_ golden: String, _ capture: String, _ options: String...) throws -> Program.Result {
    try Program.inFolder { try $0.touchstone(["diff", golden, capture] + options) }
  }

  /// GELU with another constant, recorded under `layers/0/…`: what is left shows it, and the names are asked for all the same.
  @Test(.clause("FIL-12")) func layerNamesWithoutZerosAreAskedFor() throws {
    let files = (Self.cases + "gpt2-odd-a.h5", Self.fixtures + "layer-names-without-zeros.h5")
    let result = try diff(files.0, files.1)
    #expect(result.code == 1, "\(result)")
    #expect(result.output.contains("cause: GELU's 0.044715 is 0.0447"))
    #expect(result.output.contains("layers/0/attn_context (did you mean layers/000/attn_context?)"))
    #expect(result.output.contains("note: 45 datasets of the capture"))
    let partial = try diff(files.0, files.1, "--partial", "--json")
    #expect(partial.code == 1)
    let json = try JSONSerialization.jsonObject(with: Data(partial.output.utf8))
    #expect(((json as? [String: Any])?["unknown_names"] as? [Any])?.count == 45)
  }

  /// A right overflow of float16, after which every value is NaN.
  @Test(.clause("BND-18"), arguments: [[], ["--partial"]])
  func whatFollowsAnOverflowIsInconclusive(options: [String]) throws {
    try Program.inFolder { program in
      let files = [Self.fixtures + "overflow-golden.h5", Self.fixtures + "overflow-capture.h5"]
      let result = try program.touchstone(["diff"] + files + options + ["--junit", "r.xml"])
      #expect(result.code == 3, "\(result)")
      #expect(result.output.contains("layers/000/mlp_pre overflows in 11 of 18 elements"))
      let junit = try String(contentsOfFile: program.path("r.xml"), encoding: .utf8)
      #expect(junit.contains("errors=\"1\""))
    }
  }

  @Test(.clause("FIL-13")) func aGoldenIsNoCapture() throws {
    try Program.inFolder { program in
      let golden = try TinyModel().record(program)
      try FileManager.default.copyItem(atPath: golden, toPath: program.path("copy.h5"))
      try FileManager.default.createSymbolicLink(atPath: program.path("link.h5"), withDestinationPath: golden)
      try FileManager.default.linkItem(atPath: golden, toPath: program.path("hard.h5"))
      for capture in [golden, "copy.h5", "link.h5", "hard.h5"] {
        let result = try program.touchstone("diff", golden, capture)
        #expect(result.code == 2 && result.output.isEmpty, "\(capture): \(result)")
        #expect(try program.touchstone("certify", golden, capture).code == 2)
      }
      for copying in ["cp", "ln", "ln -s"] {
        let result = try program.touchstone("verify", golden, "--exec", copying + " {golden} {capture}")
        #expect(result.code == 2, "\(copying): \(result)")
        #expect(result.output.contains("is a golden"))
      }
      try TinyModel().writeCapture(to: program.path("capture.h5"))
      let twice = try program.touchstone("diff", "capture.h5", "capture.h5", "--model", "model")
      #expect(twice.code == 2 && twice.errors.contains("same file"), "\(twice)")
    }
  }

  @Test func aTemperatureThatSaysNothingIsRefused() throws {
    let file = Self.fixtures + "temperature-probs.h5"
    try Program.inFolder { program in
      for arguments in [["inspect", file], ["diff", file, file]] {
        let result = try program.touchstone(arguments)
        #expect(result.code == 2 && result.errors.contains("temperature: is 1e+300"), "\(result)")
      }
    }
  }

  @Test func theNextTokenIsTheCaptures() throws {
    try Program.inFolder { program in
      let golden = try TinyModel().record(program)
      // The least logit becomes the greatest.
      try TinyModel().writeCapture(to: program.path("capture.h5")) { activation, tensor in
        activation.point == .logits ? Tensor(tensor.values.map { -$0 }, shape: tensor.shape) : tensor
      }
      let result = try program.touchstone("diff", golden, "capture.h5")
      #expect(result.code == 1)
      #expect(result.output.contains("the capture's arg max is another at 5 of 5 positions"), "\(result)")
    }
  }

  @Test(arguments: [
    ("left-padding-own-positions.h5", "from token 1 on (1 instead of 0); token_ids and attention_mask agree"),
    ("left-padding-positions-left-out.h5", "is not recorded, which stands for 0…13"),
  ])
  func inputsThatDifferAreNamed(file: String, sentence: String) throws {
    let result = try diff(Self.cases + "shakespeare-padded.h5", Self.fixtures + file)
    #expect(result.code == 2)
    #expect(result.errors.contains(sentence), "\(result.errors)")
    #expect(result.errors.contains("does not skip masked tokens"))
  }
}
