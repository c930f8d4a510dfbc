import Foundation
import Testing

/// Whatever is wrong with what the user gives: one sentence that says what to do, code 2, nothing half-written.
@Suite struct BadInputTests {
  /// Asserts code 2, one line naming `what`, and no file left but those that were there.
  private func expectRefusal(
    _ result: Program.Result, naming what: String, in program: Program, leaving files: [String] = [],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let lines = result.errors.split(separator: "\n")
    #expect(result.code == 2, "\(result)", sourceLocation: sourceLocation)
    #expect(lines.count == 1, "\(result.errors)", sourceLocation: sourceLocation)
    #expect(result.errors.hasPrefix("touchstone: "), sourceLocation: sourceLocation)
    #expect(result.errors.contains(what), "\(result.errors)", sourceLocation: sourceLocation)
    #expect(result.output.isEmpty, sourceLocation: sourceLocation)
    #expect(program.files == files.sorted(), sourceLocation: sourceLocation)
  }

  @Test(arguments: ["inspect", "verify"])
  func aMissingFileIsNamed(verb: String) throws {
    try Program.inFolder { program in
      expectRefusal(try program.touchstone(verb, "nowhere.h5"), naming: "nowhere.h5", in: program)
    }
  }

  @Test(arguments: ["", "not HDF5 at all, but long enough to hold a signature somewhere"])
  func aFileThatIsNotHDF5IsRefused(contents: String) throws {
    try Program.inFolder { program in
      try Data(contents.utf8).write(to: program.folder.appending(path: "x.h5"))
      expectRefusal(
        try program.touchstone("inspect", "x.h5"), naming: "x.h5", in: program, leaving: ["x.h5"])
    }
  }

  @Test(arguments: [
    (["--tokens", "512"], "512"), (["--tokens", "-1"], "-1"),
    (["--tokens", "1,2", "--position-ids", "0,128"], "128"),
    (["--tokens", "1,2", "--attention-mask", "1"], "mask"),
    (["--tokens", Array(repeating: "1", count: 129).joined(separator: ",")], "129"),
    (["--prompt", ""], "token"),
  ])
  func inputsThatDoNotFitTheModelAreRefused(sequence: [String], what: String) throws {
    try Program.inFolder { program in
      let result = try program.touchstone(
        ["record", "--model", Program.shakespeare, "--out", "g.h5"] + sequence)
      expectRefusal(result, naming: what, in: program)
    }
  }

  @Test(arguments: [
    ("config.json", #"{"n_positions": 8, "n_embd": 12, "n_layer": 2, "n_head": 3}"#, "vocab_size"),
    ("config.json", "{", "config.json"),
    ("model.safetensors", "\u{ff}\u{ff}\0\0\0\0\0\0{}", "model.safetensors"),
    ("model.safetensors", "", "model.safetensors"),
  ])
  func aDamagedModelIsRefused(file: String, contents: String, what: String) throws {
    try Program.inFolder { program in
      _ = try TinyModel().record(program)
      try Data(contents.utf8).write(to: program.folder.appending(path: "model/" + file))
      let result = try program.touchstone("record", "--model", "model", "--tokens", "1", "--out", "g.h5")
      expectRefusal(
        result, naming: what, in: program, leaving: ["golden.h5", "golden.h5.sha256", "model"])
    }
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func aWeightThatIsNotFiniteIsRefused(value: Float) throws {
    try Program.inFolder { program in
      _ = try TinyModel().record(program)
      let file = program.folder.appending(path: "model/model.safetensors")
      var bytes = try Data(contentsOf: file)
      let pattern = withUnsafeBytes(of: value.bitPattern.littleEndian) { Data($0) }
      bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: pattern)
      try bytes.write(to: file)
      let result = try program.touchstone("record", "--model", "model", "--tokens", "1", "--out", "g.h5")
      expectRefusal(
        result, naming: "wte.weight[12, 11]: is \(value)", in: program,
        leaving: ["golden.h5", "golden.h5.sha256", "model"])
    }
  }

  @Test(arguments: [
    (["--preset", "gpt3"], "gpt3"), (["--model", "nowhere"], "nowhere"),
    (["--preset", "tiny-prime", "--curve", "nowhere/x.svg"], "nowhere/x.svg"),
  ])
  func aBenchmarkThatCannotBeIsRefused(arguments: [String], what: String) throws {
    try Program.inFolder { program in
      expectRefusal(try program.touchstone(["bench"] + arguments), naming: what, in: program)
    }
  }

  @Test func aFlippedByteIsRefused() throws {
    try Program.inFolder { program in
      let golden = try TinyModel().record(program)
      var bytes = try Data(contentsOf: URL(filePath: golden))
      bytes[bytes.count / 2] ^= 1
      try bytes.write(to: URL(filePath: golden))
      expectRefusal(
        try program.touchstone("inspect", "golden.h5"), naming: "golden.h5", in: program,
        leaving: ["golden.h5", "golden.h5.sha256", "model"])
    }
  }

  @Test func aFullDiskLeavesNothingBehind() throws {
    try Program.inFolder { program in
      // A limit on the size of files fails a write as a full disk does.
      let result = try program.shell(
        "trap '' XFSZ; ulimit -f 64; touchstone record --model '\(Program.shakespeare)' --prompt 'To be' --out g.h5"
      )
      expectRefusal(result, naming: "g.h5", in: program)
    }
  }

  @Test func aPromptNeedsATokenizer() throws {
    try Program.inFolder { program in
      _ = try TinyModel().record(program)
      let result = try program.touchstone(
        "generate", "--model", "model", "--prompt", "To be", "--max-tokens", "1")
      expectRefusal(
        result, naming: "vocab.json", in: program, leaving: ["golden.h5", "golden.h5.sha256", "model"])
    }
  }

  @Test(arguments: ["-0.5", "2.5", "nan"])
  func aTemperatureOutOfRangeIsRefused(temperature: String) throws {
    try Program.inFolder { program in
      let result = try program.touchstone(
        "generate", "--model", Program.shakespeare, "--prompt", "O", "--temperature=\(temperature)")
      expectRefusal(result, naming: "temperature", in: program)
    }
  }
}
