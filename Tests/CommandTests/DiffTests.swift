import Foundation
import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

/// The verdict as a person and a program see it: exit code, first line, JSON.
@Suite struct DiffTests {
  private func diff(
    _ arguments: String..., weightsDigest: String? = nil, inputs: Inputs? = nil,
    change: (Activation, Tensor<Float>) -> Tensor<Float>? = { $1 }
  ) throws -> Program.Result {
    try Program.inFolder { program in
      let model = try TinyModel()
      let golden = try model.record(program)
      let capture = program.path("capture.h5")
      try model.writeCapture(to: capture, weightsDigest: weightsDigest, inputs: inputs, change: change)
      return try program.touchstone(["diff", golden, capture] + arguments)
    }
  }

  @Test func whatTheSIMDImplementationComputesIsConsistent() throws {
    let result = try diff()
    #expect(result.code == 0, "\(result)")
    #expect(result.output.hasPrefix("CONSISTENT"))
  }

  private static let spoilt = [
    "embed/sum", "layers/000/ln_1", "layers/000/q", "layers/001/attn_scores", "layers/001/attn_probs",
    "layers/000/attn_context", "layers/001/attn_out", "layers/000/resid_mid", "layers/001/mlp_pre",
    "layers/000/mlp_act", "layers/001/mlp_out", "layers/001/resid_out", "final/ln_f", "final/logits",
    "final/probs",
  ]

  /// Every second; all with `TOUCHSTONE_EXHAUSTIVE=1`.
  @Test(arguments: everyday(spoilt, each: 2))
  func oneChangedElementIsAMismatchAtItsOperation(path: String) throws {
    let result = try diff("--json") { activation, tensor in
      guard activation.path == path else { return tensor }
      var changed = tensor
      changed.values[0] += 0.01 * max(abs(changed.values[0]), 0.01)
      return changed
    }
    let verdict = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let first = try #require(verdict["first"] as? [String: Any])
    #expect(result.code == 1)
    #expect(verdict["verdict"] as? String == "mismatch")
    #expect(first["path"] as? String == path)
  }

  @Test(arguments: [Float.nan, .infinity])
  func aValueThatIsNotFiniteIsAMismatch(value: Float) throws {
    let result = try diff { activation, tensor in
      guard activation.path == "layers/000/mlp_pre" else { return tensor }
      var changed = tensor
      changed.values[7] = value
      return changed
    }
    #expect(result.code == 1)
    #expect(result.output.contains("layers/000/mlp_pre"))
  }

  @Test func aWrongShapeIsAMismatch() throws {
    let result = try diff { activation, tensor in
      guard activation.path == "final/ln_f" else { return tensor }
      return Tensor(tensor.values, shape: tensor.shape.reversed())
    }
    #expect(result.code == 1)
    #expect(result.output.contains("final/ln_f"))
  }

  @Test func aCaptureThatHoldsNothingIsInconclusive() throws {
    let result = try diff { _, _ in nil }
    #expect(result.code == 3)
    #expect(result.output.hasPrefix("INCONCLUSIVE"))
  }

  @Test func otherWeightsAreRefused() throws {
    let result = try diff(weightsDigest: String(repeating: "0", count: 64))
    #expect(result.code == 2)
    #expect(result.errors.contains("weights"))
  }

  @Test func otherTokensAreRefused() throws {
    let result = try diff(inputs: try Inputs(tokenIDs: [3, 1, 4, 1, 6], graph: TinyModel().weights.graph))
    #expect(result.code == 2)
    #expect(result.errors.contains("token_ids"))
  }

  @Test func reportsAreWrittenInEveryForm() throws {
    try Program.inFolder { program in
      let model = try TinyModel()
      let golden = try model.record(program)
      try model.writeCapture(to: program.path("capture.h5"))
      let result = try program.touchstone(
        "diff", golden, "capture.h5", "--report", "r.html", "--junit", "r.xml", "--markdown", "r.md")
      #expect(result.code == 0, "\(result)")
      for (file, start) in [("r.html", "<!"), ("r.xml", "<?xml"), ("r.md", "#")] {
        let text = try String(contentsOfFile: program.path(file), encoding: .utf8)
        #expect(text.lowercased().hasPrefix(start), "\(file)")
      }
      let page = try String(contentsOfFile: program.path("r.html"), encoding: .utf8)
      // The clause of what was judged, how its errors are spread, the next tokens, both files, and the command.
      for words in [
        "ATT-4", "A score is the dot product", "Errors by size", "the last one", "SHA-256",
        "touchstone diff \(golden) capture.h5 --report r.html --overwrite",
      ] {
        #expect(page.contains(words), "\(words)")
      }
    }
  }

  @Test func twoCapturesAreEachJudgedByTheDefinition() throws {
    try Program.inFolder { program in
      let model = try TinyModel()
      _ = try model.record(program)
      for name in ["a.h5", "b.h5"] {
        try model.writeCapture(to: program.path(name)) { activation, tensor in
          guard name == "b.h5", activation.path == "layers/000/v" else { return tensor }
          return Tensor(tensor.values.map { $0 * 1.5 }, shape: tensor.shape)
        }
      }
      let result = try program.touchstone("diff", "a.h5", "b.h5", "--model", program.path("model"))
      #expect(result.code == 1)
      #expect(result.output.contains("neither by the other"))
      #expect(result.output.contains("layers/000/v"))
    }
  }

  @Test func theOrderOfTheFilesMatters() throws {
    try Program.inFolder { program in
      let model = try TinyModel()
      let golden = try model.record(program)
      try model.writeCapture(to: program.path("c.h5"))
      #expect(try program.touchstone("diff", "c.h5", golden).code == 2)
      #expect(try program.touchstone("diff", "c.h5", "c.h5").code == 2)
      #expect(try program.touchstone("verify", "c.h5", "--model", "model").code == 2)
      #expect(try program.touchstone("diff", golden, "c.h5", "--report", golden).code == 2)
    }
  }
}
