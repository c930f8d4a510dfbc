import Foundation
import Testing
import TouchstoneTestSupport

/// Files that mean harm, given to the program.
@Suite struct HostileInputTests {
  static let fixtures = Program.checkout.appending(path: "Tests/TouchstoneGoldenTests/Fixtures/hostile")

  private func copy(_ name: String, to path: String) throws {
    try FileManager.default.copyItem(atPath: Self.fixtures.appending(path: name).path, toPath: path)
  }

  @Test(.clause("FIL-14", "FIL-20"))
  func aCrashingGoldenWithADigestIsRefusedAndTheOthersAreJudged() throws {
    try Program.inFolder { program in
      let good = try TinyModel().record(program)
      try copy("crash-1.h5", to: program.path("crash.h5"))
      _ = try program.shell("sha256sum crash.h5 > crash.h5.sha256")
      let alone = try program.touchstone("inspect", "crash.h5")
      #expect(alone.code == 2 && alone.errors.split(separator: "\n").count == 1, "\(alone)")
      for paths in [["crash.h5", good], [program.folder.path]] {
        let all = try program.touchstone(["verify"] + paths)
        #expect(all.code == 2, "\(all)")
        #expect(all.output.contains("CONSISTENT  "), "\(all)")
        #expect(all.output.contains("REFUSED     "), "\(all)")
      }
    }
  }

  @Test(.clause("FIL-14")) func whatTheUserTrustsIsReadWithoutAChild() throws {
    try Program.inFolder { program in
      _ = try TinyModel().record(program)
      try TinyModel().writeCapture(to: program.path("capture.h5"))
      let commands = [
        ["inspect", "golden.h5"], ["diff", "golden.h5", "capture.h5"], ["certify", "golden.h5"],
        ["verify", "golden.h5"], ["power", "golden.h5", "--causes", "--sample", "1"],
        ["capture", "--golden", "golden.h5", "--out", "ours.h5", "--overwrite"],
        ["record", "--model", "model", "--inputs", "golden.h5", "--out", "ours.h5", "--overwrite"],
        ["extract", "golden.h5", "--out", "extracted"],
      ]
      for command in commands {
        for path in [".", "golden.h5"] {
          try? FileManager.default.removeItem(atPath: program.path("extracted"))
          let result = try program.touchstone(command + ["--trust", path])
          #expect(result.code == 0, "\(command): \(result)")
        }
      }
      let missing = try program.touchstone("inspect", "golden.h5", "--trust", "nowhere")
      #expect(missing.code == 2 && missing.errors.contains("nowhere"), "\(missing)")
    }
  }

  /// A name that begins as the trusted one's does is another name.
  @Test(.clause("FIL-14")) func whatLiesBesideATrustedFolderIsNotTrusted() throws {
    try Program.inFolder { program in
      for folder in ["a", "ab"] {
        try FileManager.default.createDirectory(
          atPath: program.path(folder), withIntermediateDirectories: false)
      }
      try copy("crash-1.h5", to: program.path("ab/crash.h5"))
      let result = try program.touchstone("inspect", "ab/crash.h5", "--trust", "a")
      #expect(result.code == 2 && result.errors.hasPrefix("touchstone: ab/crash.h5: crashes"), "\(result)")
    }
  }

  @Test(.clause("FIL-15"), arguments: ["inspect", "diff"])
  func aHoleOfGigabytesIsRefusedAtOnce(verb: String) throws {
    try Program.inFolder { program in
      let golden = verb == "diff" ? [try TinyModel().record(program)] : []
      try copy("sparse-wrong.h5.head", to: program.path("sparse.h5"))
      #expect(truncate(program.path("sparse.h5"), 3_221_231_636) == 0)
      let result = try program.shell(
        "ulimit -v 4000000; touchstone \(([verb] + golden + ["sparse.h5"]).joined(separator: " "))")
      #expect(result.code == 2 && result.errors.contains("layers/000/q"), "\(result)")
      #expect(result.errors.split(separator: "\n").count == 1)
    }
  }

  /// What no text may hold that a terminal shows.
  private func expectHarmless(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
    for scalar in text.unicodeScalars where scalar != "\n" && scalar != "\t" {
      let category = scalar.properties.generalCategory
      #expect(category != .control && category != .format, "\(scalar.value)", sourceLocation: sourceLocation)
    }
    for line in text.split(separator: "\n") {
      #expect(line.count <= 400, "\(line)", sourceLocation: sourceLocation)
    }
  }

  @Test(.clause("FIL-19"), arguments: [["inspect"], ["diff", "golden.h5"], ["verify"]])
  func namesOfAFileDoNotReachATerminalAsTheyAre(command: [String]) throws {
    try Program.inFolder { program in
      _ = try TinyModel().record(program)
      try copy("escape-names.h5", to: program.path("escape.h5"))
      let result = try program.touchstone(command + ["escape.h5"])
      expectHarmless(result.output)
      expectHarmless(result.errors)
      #expect(!(result.output + result.errors).isEmpty)
    }
  }

  @Test(.clause("FIL-19")) func pathsAndErrorsAreEscapedAndShortened() throws {
    try Program.inFolder { program in
      let name = "\u{1b}[2J\n\u{202e}" + String(repeating: "x", count: 200) + ".h5"
      try Data("no HDF5 file at all, but some bytes that are long enough to look at it".utf8)
        .write(to: program.folder.appending(path: name))
      let folder = String(repeating: "d", count: 200)
      try FileManager.default.createDirectory(
        at: program.folder.appending(path: folder), withIntermediateDirectories: true)
      for path in [name, "\(folder)/../\(folder)/../\(folder)/../\(name)"] {
        let result = try program.touchstone("inspect", path)
        #expect(result.code == 2)
        expectHarmless(result.errors)
        #expect(result.errors.contains("is not an HDF5 file"), "\(result)")
      }
    }
  }

  @Test(.clause("FIL-19")) func coloursAreForTerminalsThatWantThem() throws {
    for (variables, isColored) in [
      ("TERM=xterm", true), ("TERM=dumb", false), ("TERM=xterm NO_COLOR=1", false),
    ] {
      try Program.inFolder { program in
        let golden = try TinyModel().record(program)
        let result = try program.shell(
          "env -u NO_COLOR \(variables) script -qec \"'\(Program.executable.path)' verify '\(golden)'\" /dev/null < /dev/null"
        )
        #expect(result.output.contains("CONSISTENT"), "\(result)")
        #expect(
          result.output.contains("\u{1b}[1;32m") == isColored,
          "\(variables): \(result.output.debugDescription)")
      }
    }
  }
}
