import Foundation
import Testing
import TouchstoneFaults
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel

/// The flags that change what a capture is granted, and what judged files hand to a CI system.
@Suite struct JudgingFlagTests {
  /// A capture cut before the logits, beside its golden.
  private func withPartialCapture(_ body: (Program, _ golden: String, _ capture: String) throws -> Void)
    throws
  {
    try Program.inFolder { program in
      let model = try TinyModel()
      let golden = try model.record(program)
      let capture = program.path("capture.h5")
      try model.writeCapture(to: capture) { $0.layer == nil && $0.path.hasPrefix("final") ? nil : $1 }
      try body(program, golden, capture)
    }
  }

  /// A capture of an engine that finds the variance in one pass, of a model whose rows are far from 0.
  private func withOnePassCapture(_ body: (Program, _ golden: String, _ capture: String) throws -> Void)
    throws
  {
    try Program.inFolder { program in
      let plain = try TinyModel()
      var stored = plain.weights.stored
      let configuration = try plain.configuration
      let positions = configuration.parameter(.positionEmbedding)
      let table = plain.weights.float32(positions)
      stored[positions.name] = StoredTensor(Tensor(table.values.map { $0 + 30 }, shape: table.shape))
      let weights = try Weights(configuration: configuration, tensors: stored)
      let model = TinyModel(weights: weights, inputs: plain.inputs)
      let golden = try model.record(program)
      let capture = program.path("capture.h5")
      let writer = try ActivationFileWriter(
        path: capture, kind: .capture, configuration: configuration, inputs: plain.inputs,
        weightsDigest: WeightsDigest.of(weights), provenance: ["precision": "float32"])
      try HonestTransformer(weights, HonestArithmetic("one pass", layerNorm: .onePass))
        .forward(plain.inputs) { try writer.write($0, $1) }
      try writer.finish()
      try body(program, golden, capture)
    }
  }

  @Test func diffAcceptsAPartialCaptureOnlyWhenAsked() throws {
    try withPartialCapture { program, golden, capture in
      let refused = try program.touchstone(["diff", golden, capture])
      #expect(refused.code == 3 && refused.output.hasPrefix("INCONCLUSIVE"), "\(refused)")
      let accepted = try program.touchstone(["diff", golden, capture, "--partial"])
      #expect(accepted.code == 0 && accepted.output.hasPrefix("CONSISTENT"), "\(accepted)")
    }
  }

  @Test func verifyAcceptsAPartialCaptureOnlyWhenAsked() throws {
    try withPartialCapture { program, golden, capture in
      let engine = ["verify", golden, "--exec", "cp '\(capture)' {capture}"]
      try #expect(program.touchstone(engine).code == 3)
      try #expect(program.touchstone(engine + ["--partial"]).code == 0)
    }
  }

  @Test func diffGrantsNoVarianceInOnePassWhenStrict() throws {
    try withOnePassCapture { program, golden, capture in
      let permissive = try program.touchstone(["diff", golden, capture])
      #expect(permissive.code == 0, "\(permissive)")
      let strict = try program.touchstone(["diff", golden, capture, "--strict"])
      #expect(strict.code == 1, "\(strict)")
      #expect(strict.output.contains("layers/000/ln_1") && strict.output.contains("one pass"), "\(strict)")
    }
  }

  @Test func verifyGrantsNoVarianceInOnePassWhenStrict() throws {
    try withOnePassCapture { program, golden, capture in
      let engine = ["verify", golden, "--exec", "cp '\(capture)' {capture}"]
      try #expect(program.touchstone(engine).code == 0)
      try #expect(program.touchstone(engine + ["--strict"]).code == 1)
      // The program's own implementations need no such grant.
      for name in ["simd", "reference"] {
        try #expect(program.touchstone(["verify", golden, "--implementation", name, "--strict"]).code == 0)
      }
    }
  }

  /// Nothing hides a mismatch, and nothing but a mismatch hides what could not be judged.
  @Test func ofSeveralGoldensTheGravestCodeIsTheProcesss() throws {
    try withPartialCapture { program, golden, capture in
      let model = try TinyModel()
      let wrong = program.path("wrong.h5")
      try model.writeCapture(to: wrong) { activation, tensor in
        activation.point == .value ? Tensor(tensor.values.map { 2 * $0 }, shape: tensor.shape) : tensor
      }
      let whole = program.path("whole.h5")
      try model.writeCapture(to: whole)
      // The capture that stands beside a golden is what its engine computes.
      func verified(_ captures: String?...) throws -> Int32 {
        var goldens: [String] = []
        for (index, capture) in captures.enumerated() {
          let copy = program.path("golden-\(index).h5")
          for end in [".capture", "", ".sha256"] { try? FileManager.default.removeItem(atPath: copy + end) }
          try FileManager.default.copyItem(atPath: golden, toPath: copy)
          if let capture { try FileManager.default.copyItem(atPath: capture, toPath: copy + ".capture") }
          goldens.append(copy)
        }
        return try program.touchstone(
          ["verify"] + goldens + ["--exec", "cp {golden}.capture {capture} 2>/dev/null"]
        ).code
      }
      #expect(try verified(whole, whole) == 0)
      #expect(try verified(whole, capture) == 3)
      #expect(try verified(capture, whole) == 3)
      #expect(try verified(capture, wrong) == 1)
      #expect(try verified(wrong, whole) == 1)
      #expect(try verified(nil, wrong) == 1)
      #expect(try verified(wrong, nil) == 1)
      #expect(try verified(nil, capture) == 2)
      #expect(try verified(capture, nil, whole) == 2)
    }
  }

  @Test func theModelIsFoundWhereTheGoldenHasNoWeights() throws {
    try Program.inFolder { program in
      let model = try TinyModel()
      _ = try model.record(program)
      let golden = program.path("bare.h5")
      let recorded = try program.touchstone(
        "record", "--model", "model", "--tokens", "3,1,4,1,5", "--out", golden)
      #expect(recorded.code == 0, "\(recorded)")
      try model.writeCapture(to: program.path("capture.h5"))
      try FileManager.default.moveItem(
        atPath: program.path("model"), toPath: program.path("elsewhere"))
      // Without the weights the floor is all there is: it says so, and judges.
      let floor = try program.touchstone("diff", golden, "capture.h5")
      #expect(floor.output.contains("Without the weights"), "\(floor)")
      let whole = try program.touchstone("diff", golden, "capture.h5", "--model", "elsewhere")
      #expect(whole.code == 0 && !whole.output.contains("Without the weights"), "\(whole)")
      try #expect(program.touchstone("verify", golden).code == 2)
      try #expect(program.touchstone("verify", golden, "--model", "elsewhere").code == 0)
      try #expect(program.touchstone("capture", "--golden", golden, "--out", "c.h5").code == 2)
      try #expect(
        program.touchstone("capture", "--golden", golden, "--model", "elsewhere", "--out", "c.h5").code
          == 0)
    }
  }

  @Test func verifyPrintsAListOfObjects() throws {
    try Program.inFolder { program in
      let golden = try TinyModel().record(program)
      let result = try program.touchstone("verify", golden, golden, "--json")
      #expect(result.code == 0)
      let list = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]]
      #expect(list?.map { $0["verdict"] as? String } == ["consistent", "consistent"])
    }
  }

  /// The set that reaches p, and the temperature at which it is taken.
  @Test func certifyTakesItsSetsAtTheTemperatureAsked() throws {
    try Program.inFolder { program in
      let golden = Program.checkout.appending(path: "golden/cases/shakespeare-short.h5").path
      func sets(_ arguments: String...) throws -> [[Int]] {
        let result = try program.touchstone(["certify", golden, "--json"] + arguments)
        let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        let positions = try #require(object?["positions"] as? [[String: Any]])
        return try positions.map { position in
          let key = try #require(position.keys.first { $0.hasPrefix("top-") })
          return try #require((position[key] as? [String: Any])?["certain"] as? [Int])
        }
      }
      let three = try sets("--top-k", "3")
      #expect(three.allSatisfy { $0.count == 3 })
      let half = try sets("--top-p", "0.5")
      let cold = try sets("--top-p", "0.5", "--temperature", "0.2")
      let warm = try sets("--top-p", "0.5", "--temperature", "2")
      for (index, set) in half.enumerated() {
        #expect(Set(cold[index]).isSubset(of: set) && Set(set).isSubset(of: warm[index]), "position \(index)")
      }
      #expect(cold.joined().count < half.joined().count && half.joined().count < warm.joined().count)
      for temperature in ["0", "-1", "nan", "inf"] {
        try #expect(program.touchstone(["certify", golden, "--temperature=\(temperature)"]).code == 64)
      }
      for share in ["0", "1.5", "-1", "nan"] {
        try #expect(program.touchstone(["certify", golden, "--top-p=\(share)"]).code == 64)
      }
    }
  }
}
