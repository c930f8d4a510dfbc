import Foundation
import Testing
import TouchstoneModel
import TouchstoneTestSupport

/// A run over many goldens: nothing hides anything.
@Suite struct VerifyTests {
  /// A folder `goldens` with the tiny golden under each name, and an engine that spoils nothing.
  private func prepare(_ program: Program, goldens: [String]) throws -> String {
    let golden = try TinyModel().record(program)
    try FileManager.default.createDirectory(
      atPath: program.path("goldens"), withIntermediateDirectories: true)
    for name in goldens {
      try FileManager.default.copyItem(atPath: golden, toPath: program.path("goldens/" + name))
    }
    return "'\(Program.executable.path)' capture --model {model} --golden {golden} --out {capture}"
  }

  @Test func aDamagedOrForeignFileDoesNotEndTheRun() throws {
    try Program.inFolder { program in
      _ = try prepare(program, goldens: ["a.h5", "z.h5", "cut.h5"])
      let whole = try Data(contentsOf: URL(filePath: program.path("goldens/cut.h5")))
      try whole.prefix(3000).write(to: URL(filePath: program.path("goldens/cut.h5")))
      try Data("foreign".utf8).write(to: URL(filePath: program.path("goldens/foreign.h5")))
      try TinyModel().writeCapture(to: program.path("goldens/capture.h5"))
      let result = try program.touchstone("verify", "goldens")
      #expect(result.code == 2, "\(result)")
      #expect(result.output.contains("4 goldens: 2 consistent, 2 refused"), "\(result.output)")
      #expect(result.output.contains("cut.h5: is cut short"))
    }
  }

  @Test func aRefusalDoesNotHideAMismatch() throws {
    try Program.inFolder { program in
      _ = try prepare(program, goldens: ["a.h5", "b.h5"])
      // Another golden's right values are wrong here; and the second golden gets nothing at all.
      try TinyModel().writeCapture(to: program.path("wrong.h5")) { activation, tensor in
        guard activation.path == "final/logits" else { return tensor }
        return Tensor(tensor.values.map { $0 + 1 }, shape: tensor.shape)
      }
      let engine = "case {golden} in *a.h5) cp '\(program.path("wrong.h5"))' {capture};; *) exit 9;; esac"
      let result = try program.touchstone("verify", "goldens", "nowhere", "--exec", engine)
      #expect(result.code == 1, "\(result)")
      #expect(result.output.contains("3 goldens: 1 mismatch, 2 refused"), "\(result.output)")
      #expect(try program.touchstone("verify", "nowhere").code == 2)
    }
  }

  @Test func aRefusalIsASentenceBesideTheJSONToo() throws {
    try Program.inFolder { program in
      _ = try prepare(program, goldens: ["a.h5"])
      try Data("foreign".utf8).write(to: URL(filePath: program.path("foreign.h5")))
      let result = try program.touchstone("verify", "goldens", "foreign.h5", "nowhere", "--json")
      #expect(result.code == 2, "\(result)")
      let list = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]]
      let refused = (list ?? []).compactMap { $0["error"] as? String }
      #expect(list?.count == 3 && refused.count == 2, "\(result)")
      #expect(
        result.errors.split(separator: "\n").map(String.init) == refused.map { "touchstone: " + $0 },
        "\(result)")
    }
  }

  @Test func whatAManifestLeavesOutIsSaid() throws {
    try Program.inFolder { program in
      _ = try prepare(program, goldens: ["a.h5"])
      #expect(try program.touchstone("manifest", "goldens").code == 0)
      try FileManager.default.copyItem(
        atPath: program.path("golden.h5"), toPath: program.path("goldens/new.h5"))
      try TinyModel().writeCapture(to: program.path("goldens/capture.h5"))
      let result = try program.touchstone("verify", "goldens")
      #expect(result.code == 0, "\(result)")
      #expect(
        result.output.contains("goldens/MANIFEST.json does not list goldens/new.h5, so"), "\(result.output)")
      let json = try program.touchstone("verify", "goldens", "--json")
      #expect(json.errors.contains("does not list goldens/new.h5"))
    }
  }

  @Test func everyNoteOfDiffIsPrinted() throws {
    try Program.inFolder { program in
      let engine = try prepare(program, goldens: ["a.h5", "b.h5"])
      try #expect(program.touchstone("capture", "--golden", "golden.h5", "--out", "c.h5").code == 0)
      let notes = try program.touchstone("diff", "golden.h5", "c.h5").output.split(separator: "\n")
        .filter { $0.hasPrefix("note: ") }
      #expect(!notes.isEmpty)
      let result = try program.touchstone("verify", "goldens", "--exec", engine)
      #expect(result.code == 0, "\(result)")
      for note in notes { #expect(result.output.contains(note + " (all 2 goldens)"), "\(result.output)") }
    }
  }

  @Test func oneReasonForManyIsSaidOnce() throws {
    try Program.inFolder { program in
      _ = try prepare(program, goldens: ["a.h5", "b.h5", "c.h5"])
      let result = try program.touchstone("verify", "goldens", "--exec", "exit 7 # {capture}")
      #expect(result.code == 2)
      #expect(
        result.output.contains("3 of 3 refusals for one reason: --exec: the program ended with exit code 7"))
    }
  }
}
