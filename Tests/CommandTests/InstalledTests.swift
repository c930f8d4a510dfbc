import Foundation
import Testing
import TouchstoneGolden

/// The program as it is installed, and what it says of itself.
@Suite struct InstalledTests {
  /// A folder as `make install` makes it, with the built program and some goldens.
  private func install(_ program: Program, goldens: [String]) throws -> URL {
    let prefix = program.folder.appending(path: "prefix")
    let bin = prefix.appending(path: "bin")
    let golden = prefix.appending(path: "share/touchstone/golden/cases")
    for folder in [bin, golden] {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    let executable = bin.appending(path: "touchstone")
    do {
      try FileManager.default.linkItem(at: Program.executable, to: executable)
    } catch {
      try FileManager.default.copyItem(at: Program.executable, to: executable)
    }
    for name in goldens {
      try FileManager.default.copyItem(
        at: Program.checkout.appending(path: "golden/cases/\(name).h5"),
        to: golden.appending(path: "\(name).h5"))
    }
    return executable
  }

  @Test func withoutAPathVerifyTakesGoldenHereAndElseWhatIsInstalled() throws {
    try Program.inFolder { program in
      let installed = try install(program, goldens: ["tiny-vocab3"])
      let verify = "'\(installed.path)' verify"
      let elsewhere = try program.shell(verify)
      #expect(elsewhere.code == 0, "\(elsewhere)")
      #expect(
        elsewhere.output.contains("prefix/share/touchstone/golden/cases/tiny-vocab3.h5"), "\(elsewhere)")
      // By a link too, as from a folder of links.
      try FileManager.default.createSymbolicLink(
        at: program.folder.appending(path: "link"), withDestinationURL: installed)
      let linked = try program.shell("./link verify")
      #expect(linked.code == 0 && linked.output == elsewhere.output, "\(linked)")

      let here = program.folder.appending(path: "golden")
      try FileManager.default.createDirectory(at: here, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        at: Program.checkout.appending(path: "golden/cases/tiny-heads1.h5"),
        to: here.appending(path: "tiny-heads1.h5"))
      let local = try program.shell(verify)
      #expect(local.code == 0 && local.output.contains("golden/tiny-heads1.h5"), "\(local)")
      #expect(!local.output.contains("tiny-vocab3"), "\(local)")
      let nowhere = try program.shell("cd prefix && touchstone verify")
      #expect(nowhere.code == 2 && nowhere.errors.contains("golden: does not exist"), "\(nowhere)")
    }
  }

  @Test(.clause("FIL-31")) func aGoldenNamesItsRecipeAndACaptureTheProgram() throws {
    try Program.inFolder { program in
      let golden = try TinyModel().record(program)
      _ = try program.touchstone("capture", "--model", "model", "--golden", golden, "--out", "c.h5")
      let version = try program.touchstone("--version").output.trimmingCharacters(in: .newlines)
      func facts(_ path: String) throws -> [String: String] { try ActivationFile(path: path).provenance }
      let bundled = Program.checkout.appending(path: "golden/cases/tiny-vocab3.h5").path
      #expect(try facts(golden) == facts(bundled))
      #expect(try facts(bundled)["producer_version"] == "1.0.0")
      #expect(try facts(program.path("c.h5"))["producer_version"] == version)
      #expect(version.wholeMatch(of: /[0-9]+\.[0-9]+\.[0-9]+/) != nil && version != "1.0.0")
    }
  }

  @Test(.clause("FIL-24"), arguments: ["qwen3", "unread"])
  func inspectSaysWhatAGGUFFileHolds(name: String) throws {
    try Program.inFolder { program in
      let converted = Program.checkout.appending(
        path: "Tests/TouchstoneCheckpointsTests/Fixtures/gguf/qwen3/model.gguf")
      var bytes = try Data(contentsOf: converted)
      if name == "unread", let place = bytes.firstRange(of: Data("qwen3".utf8)) {
        bytes.replaceSubrange(place, with: Data("mamba".utf8))
      }
      try bytes.write(to: program.folder.appending(path: "a.gguf"))
      let shown = try program.touchstone("inspect", "a.gguf")
      #expect(shown.code == 0 && shown.errors == "", "\(shown)")
      let lines = shown.output.split(separator: "\n")
      func line(_ label: String) -> String? { lines.first { $0.hasPrefix(label) }.map(String.init) }
      #expect(line("GGUF")?.hasSuffix("a.gguf, \(bytes.count) bytes") == true)
      #expect(line("architecture")?.hasSuffix(name == "unread" ? " mamba" : " qwen3") == true)
      #expect((line("not read")?.contains("mamba is not supported") == true) == (name == "unread"))
      #expect((line("model") != nil) == (name == "qwen3"))
      #expect(lines.contains { $0.contains("blk.*.attn_q.weight ×2       F16 [") }, "\(shown.output)")
      #expect(line("tokenizer")?.hasSuffix("none") == true)
      #expect(lines.contains { $0.contains("qwen3.block_count: 2") }, "\(shown.output)")

      let json = try program.touchstone("inspect", "a.gguf", "--json")
      let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
      let tensors = object?["tensors"] as? [[String: Any]]
      #expect(lines.contains { $0.hasPrefix("tensors       \(tensors?.count ?? 0), of ") }, "\(json)")
      try bytes.prefix(100).write(to: program.folder.appending(path: "b.gguf"))
      let broken = try program.touchstone("inspect", "b.gguf")
      #expect(broken.code == 2 && broken.output == "" && broken.errors.contains("b.gguf: "), "\(broken)")
    }
  }
}
