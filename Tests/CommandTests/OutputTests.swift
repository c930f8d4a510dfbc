import Foundation
import Testing
import TouchstoneTestSupport

/// What the program writes replaces nothing that it should not.
@Suite struct OutputTests {
  /// A golden, a capture of it, and the arguments that judge it into `option path`.
  private func inFolder(_ body: (Program, (String...) throws -> Program.Result) throws -> Void) throws {
    try Program.inFolder { program in
      let model = try TinyModel()
      _ = try model.record(program)
      try model.writeCapture(to: program.path("capture.h5"))
      try body(program) { try program.touchstone(["diff", "golden.h5", "capture.h5"] + $0) }
    }
  }

  private static let options = ["--report", "--junit", "--markdown"]

  @Test(.clause("FIL-16"), arguments: options)
  func aFileThatExistsIsReplacedOnlyWhenTold(option: String) throws {
    try inFolder { program, diff in
      let path = program.path("out.txt")
      try Data("mine".utf8).write(to: URL(filePath: path))
      let refused = try diff(option, path)
      #expect(refused.code == 2 && refused.errors.contains("already exists"), "\(refused)")
      try #expect(String(contentsOfFile: path, encoding: .utf8) == "mine")
      try #expect(diff(option, path, "--overwrite").code == 0)
      try #expect(String(contentsOfFile: path, encoding: .utf8) != "mine")
      try #expect(program.shell("ls | grep -c partial").output == "0\n")
    }
  }

  @Test(.clause("FIL-16")) func linksAndDevicesAreNeverReplaced() throws {
    try inFolder { program, diff in
      let target = program.path("target.txt")
      try Data("mine".utf8).write(to: URL(filePath: target))
      for (name, destination) in [("link", "target.txt"), ("dangling", "nowhere"), ("null", "/dev/null")] {
        try FileManager.default.createSymbolicLink(
          atPath: program.path(name), withDestinationPath: destination)
        for arguments in [[name], [name, "--overwrite"]] {
          let result = try program.touchstone(["diff", "golden.h5", "capture.h5", "--markdown"] + arguments)
          #expect(result.code == 2, "\(name): \(result)")
        }
      }
      #expect(mkfifo(program.path("pipe"), 0o600) == 0)
      for name in ["pipe", "/dev/null", "."] {
        let result = try diff("--report", name, "--overwrite")
        #expect(result.code == 2, "\(name): \(result)")
      }
      try #expect(String(contentsOfFile: target, encoding: .utf8) == "mine")
      #expect(!FileManager.default.fileExists(atPath: program.path("nowhere")))
    }
  }

  @Test(.clause("FIL-16")) func twoNamesOfOneFileAreRefused() throws {
    try inFolder { program, diff in
      let twice = try diff("--report", "a.txt", "--markdown", "./a.txt")
      #expect(twice.code == 2 && twice.errors.contains("--report"), "\(twice)")
      for input in ["model/config.json", "model/model.safetensors"] {
        let result = try diff("--model", "model", "--markdown", input, "--overwrite")
        #expect(result.code == 2 && result.errors.contains("is read here"), "\(result)")
      }
      for name in ["golden.h5", "golden.h5.sha256", "MANIFEST.json"] {
        try #expect(diff("--markdown", name, "--overwrite").code == 2)
      }
      let same = try program.touchstone(
        "capture", "--golden", "golden.h5", "--out", "./golden.h5", "--overwrite")
      #expect(same.code == 2 && same.errors.contains("is read here"), "\(same)")
      try #expect(program.touchstone("inspect", "golden.h5").code == 0)
    }
  }

  @Test(
    .clause("FIL-16"),
    arguments: [
      ["generate", "--prompt", "O", "--show-distribution", "--picture"],
      ["attention", "--prompt", "O", "--picture"],
      ["score", "--text", "text.txt", "--picture"],
    ])
  func picturesAreReplacedOnlyWhenTold(arguments: [String]) throws {
    try Program.inFolder { program in
      try Data("To be".utf8).write(to: program.folder.appending(path: "text.txt"))
      try Data("mine".utf8).write(to: program.folder.appending(path: "a.svg"))
      let command = arguments + ["a.svg", "--model", Program.shakespeare]
      try #expect(program.touchstone(command).code == 2)
      try #expect(String(contentsOfFile: program.path("a.svg"), encoding: .utf8) == "mine")
      try #expect(program.touchstone(command + ["--overwrite"]).code == 0)
      try #expect(String(contentsOfFile: program.path("a.svg"), encoding: .utf8) != "mine")
    }
  }

  /// What cannot be written is said before anything is measured.
  @Test(.clause("FIL-16")) func aCurveIsReplacedOnlyWhenTold() throws {
    try Program.inFolder { program in
      try Data("mine".utf8).write(to: program.folder.appending(path: "a.svg"))
      let command = ["bench", "--model", "nowhere", "--curve", "a.svg"]
      try #expect(program.touchstone(command).errors.contains("a.svg"))
      let told = try program.touchstone(command + ["--overwrite"])
      #expect(told.code == 2 && told.errors.contains("nowhere"), "\(told)")
      try #expect(String(contentsOfFile: program.path("a.svg"), encoding: .utf8) == "mine")
    }
  }

  @Test(.clause("FIL-18")) func aReaderThatLeavesIsAnErrorWithASentence() throws {
    try Program.inFolder { program in
      let result = try program.shell(
        "{ touchstone power --help; touchstone anatomy --preset gpt3 --json; echo $? > code; } 2> said | true; sleep 0; "
          + "{ sleep 0.2; touchstone anatomy --preset gpt3; echo $? > code; } 2> said | true; cat code said")
      #expect(result.output.hasPrefix("2\ntouchstone: standard output was closed"), "\(result)")
    }
  }

  @Test(.clause("FIL-18"), arguments: ["--help", "--version", "help record", "inspect --help"])
  func helpThatCannotBeWrittenIsAnErrorWithASentence(_ command: String) throws {
    try Program.inFolder { program in
      let shown = try program.shell("touchstone \(command)")
      #expect(shown.code == 0 && !shown.output.isEmpty, "\(shown)")
      guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
      let result = try program.shell("touchstone \(command) > /dev/full")
      #expect(result.code == 2 && result.errors.contains("standard output cannot be written"), "\(result)")
    }
  }

  @Test(.clause("FIL-18"), arguments: ["\\377\\376", "my \\303(", "\\355\\240\\200"])
  func anArgumentThatIsNoTextIsRefused(_ bytes: String) throws {
    try Program.inFolder { program in
      let result = try program.shell(
        "touchstone record --model '\(Program.shakespeare)' --prompt \"$(printf '\(bytes)')\" --out a.h5")
      #expect(result.code == 2 && result.errors.contains("is not UTF-8"), "\(result)")
      #expect(program.files.isEmpty)
    }
  }

  @Test(.clause("FIL-18")) func aFileThatMayNotGrowIsAnErrorWithASentence() throws {
    try Program.inFolder { program in
      for command in [
        "record --model '\(Program.shakespeare)' --prompt 'To be' --out g.h5",
        "synthesize --preset tiny-prime --out model",
        "attention --model '\(Program.shakespeare)' --prompt 'To be' --picture a.svg",
      ] {
        let result = try program.shell("ulimit -f 1; touchstone \(command) > /dev/null")
        #expect(result.code == 2 && result.errors.hasPrefix("touchstone: "), "\(command): \(result)")
        #expect(program.files.filter { $0 != "model" }.isEmpty, "\(program.files)")
      }
    }
  }

  @Test(.clause("FIL-18"), arguments: [("TERM", 143), ("INT", 130), ("HUP", 129)])
  func anInterruptionLeavesNothing(signal: String, code: Int) throws {
    try Program.inFolder { program in
      // The shell would start a program in the background with SIGINT ignored, and nohup the tests with SIGHUP ignored.
      let command = """
        TMPDIR=$PWD/tmp; export TMPDIR; mkdir tmp
        python3 -c "import subprocess, sys, time, os, signal
        arguments = sys.argv[1:]
        program = subprocess.Popen(arguments, preexec_fn=lambda: signal.signal(signal.SIG\(signal), signal.SIG_DFL))
        deadline = time.time() + 30
        while time.time() < deadline and not any('.partial-' in n for n in os.listdir('.')) and not os.listdir('tmp'):
            time.sleep(0.002)
        program.send_signal(signal.SIG\(signal))
        sys.exit(128 - program.wait())"
        """ + " "
      let golden = try program.shell(
        command
          + "'\(Program.executable.path)' record --model '\(Program.shakespeare)' --tokens \(Array(repeating: "1", count: 128).joined(separator: ",")) --out g.h5"
      )
      #expect(golden.code == code, "\(golden)")
      #expect(program.files == ["tmp"], "\(program.files)")
      let tiny = try TinyModel().record(program)
      let engine = try program.shell(
        "rmdir tmp; " + command
          + "'\(Program.executable.path)' verify '\(tiny)' --exec 'sleep 7\(code % 10) # {capture} {model}'")
      #expect(engine.code == code, "\(engine)")
      try Program.expectGone("sleep 7\(code % 10)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: program.path("tmp")).isEmpty)
    }
  }
}
