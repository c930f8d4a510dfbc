import Foundation
import Testing

/// Each verb does what its help says.
@Suite struct VerbTests {
  @Test func theSameInputsGiveTheSameBytes() throws {
    try Program.inFolder { program in
      for name in ["a.h5", "b.h5"] {
        let result = try program.touchstone(
          "record", "--model", Program.shakespeare, "--prompt", "To be", "--out", name)
        #expect(result.code == 0, "\(result)")
      }
      #expect(FileManager.default.contentsEqual(atPath: program.path("a.h5"), andPath: program.path("b.h5")))
      #expect(program.files == ["a.h5", "a.h5.sha256", "b.h5", "b.h5.sha256"])
    }
  }

  @Test func anExistingFileIsNotReplacedUnlessAsked() throws {
    try Program.inFolder { program in
      try Data("mine".utf8).write(to: program.folder.appending(path: "a.h5"))
      let arguments = ["record", "--model", Program.shakespeare, "--prompt", "O", "--out", "a.h5"]
      try #expect(program.touchstone(arguments).code == 2)
      try #expect(String(contentsOfFile: program.path("a.h5"), encoding: .utf8) == "mine")
      try #expect(program.touchstone(arguments + ["--overwrite"]).code == 0)
    }
  }

  @Test(arguments: ["simd", "reference"])
  func greedyTextIsTheSameEachTimeAndByEachImplementation(implementation: String) throws {
    try Program.inFolder { program in
      let result = try program.touchstone(
        "generate", "--model", Program.shakespeare, "--prompt", "ROMEO:\nBut, soft! what light",
        "--temperature", "0", "--max-tokens", "12", "--implementation", implementation)
      #expect(result.code == 0, "\(result)")
      #expect(result.output.hasPrefix("ROMEO:\nBut, soft! what light"))
      let again = try program.touchstone(
        "generate", "--model", Program.shakespeare, "--prompt", "ROMEO:\nBut, soft! what light",
        "--temperature", "0", "--max-tokens", "12")
      #expect(again.output == result.output)
    }
  }

  @Test func aFullContextIsSaidOnceOrEndsTheText() throws {
    try Program.inFolder { program in
      let prompt = String(repeating: "a\n", count: 61)
      let arguments = [
        "generate", "--model", Program.shakespeare, "--prompt", prompt, "--temperature", "0",
        "--max-tokens", "12",
      ]
      let sliding = try program.touchstone(arguments)
      #expect(sliding.code == 0, "\(sliding)")
      #expect(sliding.errors.split(separator: "\n").count == 1, "\(sliding.errors)")
      #expect(sliding.errors.contains("128 tokens is full"))
      let stopping = try program.touchstone(arguments + ["--stop-at-context"])
      #expect(stopping.code == 0)
      #expect(stopping.errors.contains("ended because the context is full"))
      #expect(sliding.output.hasPrefix(stopping.output.dropLast()))
    }
  }

  @Test func aCaptureOfAGoldenNeedsNoModelWhenTheWeightsAreInside() throws {
    try Program.inFolder { program in
      let golden = try TinyModel().record(program)
      let capture = try program.touchstone("capture", "--golden", golden, "--out", "c.h5")
      #expect(capture.code == 0, "\(capture)")
      try #expect(program.touchstone("diff", golden, "c.h5").code == 0)
      let inspected = try program.touchstone("inspect", "c.h5", "--json")
      let summary = try JSONSerialization.jsonObject(with: Data(inspected.output.utf8))
      #expect(summary is [String: Any])
    }
  }

  @Test(arguments: [["--implementation", "simd"], ["--implementation", "reference"]])
  func bothImplementationsPassTheGoldens(options: [String]) throws {
    try Program.inFolder { program in
      let golden = try TinyModel().record(program)
      let result = try program.touchstone(["verify", golden] + options)
      #expect(result.code == 0, "\(result)")
    }
  }

  @Test func anyProgramCanBePutThrough() throws {
    try Program.inFolder { program in
      let golden = try TinyModel().record(program)
      let engine = "'\(Program.executable.path)' capture --model {model} --golden {golden} --out {capture}"
      try #expect(program.touchstone("verify", golden, "--exec", engine).code == 0)
      let broken = try program.touchstone("verify", golden, "--exec", "exit 7 # {capture}")
      #expect(broken.code == 2)
      #expect(broken.output.contains("exit code 7"))
    }
  }

  @Test func aFolderWithoutGoldensIsInconclusive() throws {
    try Program.inFolder { program in
      let result = try program.touchstone("verify", program.folder.path)
      #expect(result.code == 3)
      #expect(result.errors.contains("no golden"))
    }
  }

  @Test func aSynthesisedModelIsLoadedAndTheSameEachTime() throws {
    try Program.inFolder { program in
      for name in ["a", "b"] {
        try #expect(program.touchstone("synthesize", "--preset", "tiny-odd", "--out", name).code == 0)
      }
      let weights = ["a", "b"].map { program.path($0 + "/model.safetensors") }
      #expect(FileManager.default.contentsEqual(atPath: weights[0], andPath: weights[1]))
      try #expect(program.touchstone("record", "--model", "a", "--tokens", "1,2", "--out", "g.h5").code == 0)
    }
  }

  @Test func everyVerbHasHelpWithAnExample() throws {
    try Program.inFolder { program in
      let help = try program.touchstone("--help").output
      let verbs =
        help.split(separator: "SUBCOMMANDS:").last?.split(separator: "\n")
        .filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }
        .compactMap { $0.split(separator: " ").first.map(String.init) } ?? []
      #expect(verbs.count >= 7, "\(help)")
      for verb in verbs where verb != "See" {
        let text = try program.touchstone(verb, "--help").output
        #expect(text.contains("Example"), "\(verb): \(text)")
      }
    }
  }

  @Test(arguments: [
    ["nothing"], ["record"], ["generate", "--model", "x"], ["verify", "--exec", "true"],
    ["capture", "--out", "x.h5"],
  ])
  func aWrongCommandLineIs64(arguments: [String]) throws {
    try Program.inFolder { program in
      try #expect(program.touchstone(arguments).code == 64)
    }
  }
}
