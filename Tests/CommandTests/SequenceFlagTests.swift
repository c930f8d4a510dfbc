import Foundation
import Testing
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel

/// The flags that say what is computed: tokens, positions, masks, seeds, implementations.
@Suite struct SequenceFlagTests {
  private static let model = ["--model", Program.shakespeare]

  private func object(_ result: Program.Result) throws -> [String: Any] {
    #expect(result.code == 0, "\(result)")
    return try #require(JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
  }

  @Test(arguments: ["record", "capture"])
  func positionsAndMaskAreThoseGiven(verb: String) throws {
    try Program.inFolder { program in
      _ = try TinyModel().record(program)
      let out = program.path("out.h5")
      let result = try program.touchstone(
        verb, "--model", "model", "--tokens", "3,1,4", "--position-ids", "2,0,7", "--attention-mask", "0,1,1",
        "--out", out)
      #expect(result.code == 0, "\(result)")
      let file = try ActivationFile(path: out)
      #expect(file.inputs.tokenIDs == [3, 1, 4] && file.inputs.positionIDs == [2, 0, 7])
      #expect(file.inputs.attentionMask == [false, true, true])
      #expect(file.kind == (verb == "record" ? .golden : .capture))
      // The name is taken now.
      let again = [verb, "--model", "model", "--tokens", "3", "--out", out]
      try #expect(program.touchstone(again).code == 2)
      #expect(try ActivationFile(path: out).inputs.count == 3)
      try #expect(program.touchstone(again + ["--overwrite"]).code == 0)
      #expect(try ActivationFile(path: out).inputs.count == 1)
      for wrong in [["--attention-mask", "0,2,1"], ["--prompt", "a"]] {
        try #expect(
          program.touchstone([verb, "--model", "model", "--tokens", "3,1,4", "--out", "x.h5"] + wrong)
            .code
            == 64)
      }
    }
  }

  /// Of a model with types; one without takes none but 0.
  @Test(.clause("ENC-1"), arguments: ["record", "capture", "attention"])
  func tokenTypesAreThoseGiven(verb: String) throws {
    let model = Program.checkout.appending(
      path: "Tests/TouchstoneFamiliesTests/Fixtures/families/bert-pretraining"
    ).path
    try Program.inFolder { program in
      func run(_ types: String, model: String, _ out: String) throws -> Program.Result {
        try program.touchstone(
          [verb, "--model", model, "--tokens", "3,1,4", "--token-types", types]
            + (verb == "attention" ? ["--json"] : ["--out", out]))
      }
      let (first, other) = (try run("0,1,1", model: model, "a.h5"), try run("0,0,1", model: model, "b.h5"))
      #expect(first.code == 0 && other.code == 0, "\(first) \(other)")
      if verb == "attention" {
        #expect(first.output != other.output)
      } else {
        #expect(try ActivationFile(path: program.path("a.h5")).inputs.tokenTypeIDs == [0, 1, 1])
        #expect(try ActivationFile(path: program.path("b.h5")).inputs.tokenTypeIDs == [0, 0, 1])
      }
      for wrong in ["0,2,1", "0,1"] { #expect(try run(wrong, model: model, "c.h5").code == 2) }
      #expect(try run("0,1,1", model: Program.shakespeare, "d.h5").code == 2)
    }
  }

  @Test func weightsStandInAGoldenOnlyWhenAsked() throws {
    try Program.inFolder { program in
      let golden = try TinyModel().record(program)
      #expect(try ActivationFile(path: golden).weights() != nil)
      let bare = program.path("bare.h5")
      _ = try program.touchstone("record", "--model", "model", "--tokens", "3", "--out", bare)
      #expect(try ActivationFile(path: bare).weights() == nil)
    }
  }

  @Test(arguments: [("simd", Precision.float32), ("reference", Precision(.float64))])
  func aCaptureIsOfTheImplementationAsked(name: String, precision: Precision) throws {
    try Program.inFolder { program in
      let golden = try TinyModel().record(program)
      let result = try program.touchstone(
        "capture", "--golden", golden, "--implementation", name, "--out", "c.h5")
      #expect(result.code == 0, "\(result)")
      let file = try ActivationFile(path: program.path("c.h5"))
      #expect(file.precision == precision && file.provenance["implementation"] == "touchstone-" + name)
      #expect(file.storedType(of: Activation(.logits)) == precision.type)
      try #expect(program.touchstone("diff", golden, "c.h5").code == 0)
    }
  }

  @Test func aCaptureTakesItsSequenceFromOnePlace() throws {
    try Program.inFolder { program in
      let golden = try TinyModel().record(program)
      for wrong in [
        ["--golden", golden, "--tokens", "1"], ["--golden", golden, "--attention-mask", "1"],
        ["--golden", golden, "--position-ids", "1"], ["--tokens", "1"], [],
      ] {
        try #expect(program.touchstone(["capture", "--out", "c.h5"] + wrong).code == 64, "\(wrong)")
      }
    }
  }

  @Test func aSeedDeterminesTheWeightsAndZeroIsTheUsualOne() throws {
    try Program.inFolder { program in
      for (name, seed) in [
        ("a", []), ("b", ["--seed", "0"]), ("c", ["--seed", "1"]), ("d", ["--seed", "1"]),
      ] {
        let result = try program.touchstone(["synthesize", "--preset", "tiny-prime", "--out", name] + seed)
        #expect(result.code == 0, "\(result)")
      }
      let files = ["a", "b", "c", "d"].map { program.path($0 + "/model.safetensors") }
      #expect(FileManager.default.contentsEqual(atPath: files[0], andPath: files[1]))
      #expect(!FileManager.default.contentsEqual(atPath: files[0], andPath: files[2]))
      #expect(FileManager.default.contentsEqual(atPath: files[2], andPath: files[3]))
    }
  }

  @Test func aSeedDeterminesTheText() throws {
    try Program.inFolder { program in
      func text(_ options: String...) throws -> String {
        let result = try program.touchstone(
          ["generate", "--prompt", "My lord, ", "--max-tokens", "20"] + Self.model + options)
        #expect(result.code == 0 && result.errors == "", "\(result)")
        return result.output
      }
      let seven = try text("--seed", "7")
      #expect(try text("--seed", "7") == seven)
      #expect(try text("--seed", "8") != seven)
      // Without a seed each text is another: 20 tokens of the same choice twice are as good as impossible.
      #expect(try text() != text())
      // What leaves one token to choose from is the most probable one.
      let greedy = try text("--temperature", "0")
      #expect(try text("--top-k", "1") == greedy)
      #expect(try text("--top-p", "1e-9") == greedy)
      #expect(greedy != seven)
      #expect(try text("--max-tokens", "0") == "My lord, \n")
    }
  }

  @Test func aTemperatureAboveTwoIsAcceptedWhenAsked() throws {
    try Program.inFolder { program in
      let hot = ["generate", "--prompt", "O", "--temperature", "3", "--max-tokens", "1"] + Self.model
      try #expect(program.touchstone(hot).code == 2)
      try #expect(program.touchstone(hot + ["--allow-any-temperature"]).code == 0)
      let edge = ["generate", "--prompt", "O", "--temperature", "2", "--max-tokens", "1"] + Self.model
      try #expect(program.touchstone(edge).code == 0)
    }
  }

  @Test func theDistributionHasAsManyRowsAsAsked() throws {
    try Program.inFolder { program in
      for (options, count) in [([], 10), (["--count", "3"], 3)] {
        let table = try object(
          program.touchstone(
            ["generate", "--prompt", "O", "--show-distribution", "--json"] + Self.model + options))
        #expect((table["tokens"] as? [Any])?.count == count)
      }
      for wrong in [["--count", "0"], ["--max-tokens=-1"], ["--json"]] {
        try #expect(program.touchstone(["generate", "--prompt", "O"] + Self.model + wrong).code == 64)
      }
    }
  }

  @Test func wordsAreLookedUpAsWrittenWhenAsked() throws {
    try Program.inFolder { program in
      func nearest(_ options: String...) throws -> [[String: Any]] {
        let found = try object(
          program.touchstone(["embeddings", "nearest", "I", "--json"] + Self.model + options))
        return try #require(found["tokens"] as? [[String: Any]])
      }
      let inside = try nearest()
      #expect(inside.count == 10)
      #expect(try nearest("--count", "4").count == 4)
      // " I" and "I" are two tokens, whose neighbours differ.
      let written = try nearest("--as-written")
      #expect(written.map { $0["text"] as? String } != inside.map { $0["text"] as? String })
    }
  }

  @Test func attentionIsThatOfTheLayerHeadAndSequenceAsked() throws {
    try Program.inFolder { program in
      func pattern(_ options: String...) throws -> String {
        let result = try program.touchstone(["attention", "--json"] + Self.model + options)
        #expect(result.code == 0, "\(result)")
        return result.output
      }
      let tokens = ["--tokens", "1,2,3,4"]
      let first = try pattern("--tokens", "1,2,3,4")
      #expect(try pattern("--tokens", "1,2,3,4", "--layer", "0") == first)
      let others = [
        ["--layer", "1"], ["--head", "1"], ["--attention-mask", "1,0,1,1"], ["--position-ids", "5,6,7,9"],
      ]
      var seen = [first]
      for other in others {
        let result = try program.touchstone(["attention", "--json"] + Self.model + tokens + other)
        #expect(result.code == 0 && !seen.contains(result.output), "\(other)")
        seen.append(result.output)
      }
      let fast = try pattern("--tokens", "1,2,3,4", "--implementation", "simd")
      #expect(fast != first)
      #expect(try pattern("--tokens", "1,2,3,4", "--implementation", "reference") == first)
    }
  }
}
