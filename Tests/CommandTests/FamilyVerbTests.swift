import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneFamilies
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneSIMD

/// The verbs on models of other families than GPT-2, and what `record` takes from files.
@Suite struct FamilyVerbTests {
  private static let llama = ["--model", "llama"]

  /// A folder `llama` with a small model of that family.
  private func withLlama(_ body: (Program) throws -> Void) throws {
    try Program.inFolder { program in
      let made = try program.touchstone("synthesize", "--preset", "tiny-llama", "--out", "llama")
      #expect(made.code == 0, "\(made)")
      try body(program)
    }
  }

  @Test func aModelOfAnotherFamilyIsRecordedCapturedAndJudged() throws {
    try withLlama { program in
      let recorded = try program.touchstone(
        ["record", "--tokens", "3,1,4,1,5", "--out", "golden.h5", "--embed-weights"] + Self.llama)
      #expect(recorded.code == 0, "\(recorded)")
      for implementation in ["simd", "reference"] {
        let verified = try program.touchstone(
          "verify", "golden.h5", "--implementation", implementation)
        #expect(verified.code == 0, "\(verified)")
        let capture = implementation + ".h5"
        let captured = try program.touchstone(
          "capture", "--golden", "golden.h5", "--implementation", implementation, "--out", capture)
        #expect(captured.code == 0, "\(captured)")
        let judged = try program.touchstone("diff", "golden.h5", capture)
        #expect(judged.code == 0 && judged.output.hasPrefix("CONSISTENT"), "\(judged)")
        #expect(!judged.output.contains("graph that the golden holds"), "\(judged)")
      }
      let inspected = try program.touchstone("inspect", "golden.h5")
      #expect(inspected.output.contains("llama, 2 layers"), "\(inspected)")
      #expect(try ActivationFile(path: program.path("golden.h5")).graph.layerCount == 2)
    }
  }

  @Test(arguments: ["tiny-whisper", "tiny-dit-block"])
  func whatAModelIsGivenIsMadeFromItsNameToo(preset: String) throws {
    try Program.inFolder { program in
      func synthesize(_ preset: String, _ inputs: String) throws -> Program.Result {
        try program.touchstone(
          "synthesize", "--preset", preset, "--seed", "3", "--out", inputs + "-model", "--inputs", inputs)
      }
      try #expect(synthesize(preset, "given.h5").code == 0)
      let recorded = try program.touchstone(
        "record", "--model", "given.h5-model", "--inputs", "given.h5", "--out", "golden.h5", "--no-floor")
      #expect(recorded.code == 0, "\(recorded)")
      let golden = try ActivationFile(path: program.path("golden.h5"))
      try #expect(golden.inputs == Synthesizer.inputs(of: .named(preset), seed: 3))
      // Where nothing is given but ids, or the file is there already, no model is made either.
      for (preset, inputs, word) in [("tiny-bert", "none.h5", "ids alone"), (preset, "golden.h5", "exists")] {
        let refused = try synthesize(preset, inputs)
        #expect(refused.code == 2 && refused.errors.contains(word), "\(refused)")
        #expect(!FileManager.default.fileExists(atPath: program.path(inputs + "-model")))
      }
    }
  }

  @Test func theInputsOfAFileOfAnyKindAreRecordedAgain() throws {
    try withLlama { program in
      let first = try program.touchstone(
        [
          "record", "--tokens", "3,1,4,1,5", "--position-ids", "4,5,6,7,9", "--attention-mask", "0,1,1,1,1",
          "--out", "first.h5",
        ] + Self.llama)
      #expect(first.code == 0, "\(first)")
      let captured = try program.touchstone(
        ["capture", "--golden", "first.h5", "--out", "capture.h5"] + Self.llama)
      #expect(captured.code == 0, "\(captured)")
      let expected = FileManager.default.contents(atPath: program.path("first.h5"))
      for source in ["first.h5", "capture.h5"] {
        let again = try program.touchstone(
          ["record", "--inputs", source, "--out", "again-\(source)"] + Self.llama)
        #expect(again.code == 0, "\(again)")
        #expect(FileManager.default.contents(atPath: program.path("again-\(source)")) == expected)
      }
    }
  }

  @Test(arguments: [
    ["--tokens", "1"], ["--prompt", "a"], ["--attention-mask", "1"], ["--position-ids", "0"],
  ])
  func inputsOfAFileGoWithNoOthers(options: [String]) throws {
    try withLlama { program in
      let result = try program.touchstone(
        ["record", "--inputs", "some.h5", "--out", "out.h5"] + Self.llama + options)
      #expect(result.code == 64 && result.errors.contains("--inputs"), "\(result)")
      #expect(!program.files.contains("out.h5"))
    }
  }

  /// What another program computed in float64: only its inputs are of use.
  @Test func aCandidateIsRefusedByNameByEveryVerbButRecord() throws {
    let folder = Program.checkout.appending(path: "Tests/TouchstoneFamiliesTests/Fixtures/llama")
    let candidate = folder.appending(path: "llama.h5").path
    try Program.inFolder { program in
      let recorded = try program.touchstone(
        "record", "--model", folder.path, "--inputs", candidate, "--out", "golden.h5")
      #expect(recorded.code == 0, "\(recorded)")
      for arguments in [
        ["verify", candidate], ["inspect", candidate], ["certify", candidate],
        ["diff", candidate, "golden.h5"], ["diff", "golden.h5", candidate],
        ["capture", "--golden", candidate, "--out", "c.h5"],
      ] {
        let result = try program.touchstone(arguments)
        #expect(result.code == 2, "\(arguments): \(result)")
        #expect((result.output + result.errors).contains("golden-candidate"), "\(arguments): \(result)")
      }
    }
  }

  /// A golden of a family that the program does not hold brings its graph.
  @Test func aFamilyThatOnlyTheGoldenKnowsIsJudgedByItsGraphAndTheReportSaysSo() throws {
    try Program.inFolder { program in
      let preset = try Preset.named("tiny-llama")
      let weights = try Synthesizer.weights(preset)
      let golden = program.path("golden.h5")
      try foreignGolden(golden, weights)
      for verb in ["verify", "diff"] {
        let captured = try program.touchstone("capture", "--golden", golden, "--out", "c.h5", "--overwrite")
        #expect(captured.code == 0, "\(captured)")
        let result = try program.touchstone([verb, golden] + (verb == "diff" ? ["c.h5"] : []))
        #expect(result.code == 0, "\(result)")
        #expect(result.output.contains("paper-2031 are judged by the graph"), "\(result)")
      }
      let alone = try program.touchstone("inspect", "c.h5")
      #expect(alone.code == 2 && alone.errors.contains("paper-2031"), "\(alone)")
    }
  }

  private func foreignGolden(_ path: String, _ weights: Weights) throws {
    let inputs = try Inputs(tokenIDs: [3, 1, 4, 1, 5], graph: weights.graph)
    let model = RecordedModel(family: "paper-2031", graph: weights.graph, configJSON: "{}")
    let writer = try ActivationFileWriter(
      path: path, kind: .golden, model: model, inputs: inputs, weightsDigest: WeightsDigest.of(weights))
    try ReferenceTransformer(weights).forward(inputs) { try writer.write($0, $1) }
    try writer.writeWeights(weights)
    try writer.finish()
  }

  /// A model of as many ids as the trained model's tokenizer has.
  private func writeLlama(to folder: URL) throws {
    let config = Data(
      """
      {"model_type": "llama", "vocab_size": 512, "hidden_size": 24, "num_hidden_layers": 2,
       "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 33}
      """.utf8)
    let architecture = try Architecture(huggingFaceJSON: config, file: "config.json")
    let weights = try Synthesizer.weights(
      of: architecture.graph, names: architecture.family.tensors, rule: .probing(width: 24))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try config.write(to: folder.appending(path: "config.json"))
    try SafetensorsWriter.write(weights.stored, to: folder.appending(path: "model.safetensors"))
  }

  @Test func generatingScoringAndLookingWorkWithoutATableOfPositions() throws {
    try Program.inFolder { program in
      let folder = program.folder.appending(path: "llama")
      try writeLlama(to: folder)
      for file in ["vocab.json", "merges.txt"] {
        try FileManager.default.copyItem(
          at: URL(filePath: Program.shakespeare).appending(path: file), to: folder.appending(path: file))
      }
      let model = ["--model", "llama"]
      let text = try program.touchstone(
        ["generate", "--prompt", "To be", "--temperature", "0", "--max-tokens", "5"] + model)
      #expect(text.code == 0 && text.output.hasPrefix("To be"), "\(text)")
      let looked = try program.touchstone(["attention", "--prompt", "To be", "--layer", "1"] + model)
      #expect(looked.code == 0, "\(looked)")
      try Data("To be, or not to be".utf8).write(to: program.folder.appending(path: "text"))
      let scored = try program.touchstone(["score", "--text", "text", "--summary"] + model)
      #expect(scored.code == 0 && scored.output.contains("perplexity"), "\(scored)")
      let near = try program.touchstone(["embeddings", "nearest", "be"] + model)
      #expect(near.code == 0, "\(near)")
    }
  }
}
