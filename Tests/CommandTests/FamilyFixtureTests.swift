import Foundation
import Testing
import TouchstoneTestSupport

/// What Hugging Face computes of every other family, and what our implementation does, through the program.
@Suite struct FamilyFixtureTests {
  private static let root = Program.checkout.appending(
    path: "Tests/TouchstoneFamiliesTests/Fixtures/families")

  private static let folders: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []).filter {
      FileManager.default.fileExists(atPath: root.appending(path: "\($0)/float32.h5").path)
    }.sorted()

  @Test func thereAreFixtures() { #expect(Self.folders.count >= 2) }

  /// In the process all of them are judged every day (`FamilyCaptureTests`).
  @Test(.clause("GRA-6", "GRA-7"), arguments: everyday(folders, each: 9))
  func itIsRecordedCapturedAndFoundConsistent(name: String) throws {
    let folder = Self.root.appending(path: name)
    try Program.inFolder { program in
      let recorded = try program.touchstone(
        "record", "--model", folder.path, "--inputs", folder.appending(path: "float64.h5").path, "--out",
        "golden.h5")
      #expect(recorded.code == 0, "\(recorded)")
      let captured = try program.touchstone(
        "capture", "--model", folder.path, "--golden", "golden.h5", "--out", "simd.h5")
      #expect(captured.code == 0, "\(captured)")
      for capture in [folder.appending(path: "float32.h5").path, "simd.h5"] {
        let judged = try program.touchstone("diff", "golden.h5", capture, "--model", folder.path)
        #expect(judged.code == 0 && judged.output.hasPrefix("CONSISTENT"), "\(judged)")
      }
    }
  }

  /// A window that is one key longer is another model.
  @Test(.clause("GRA-6", "GRA-8")) func aCaptureOfAnotherWindowIsNotOfTheModel() throws {
    let folder = Self.root.appending(path: "qwen2-window")
    try Program.inFolder { program in
      let model = program.folder.appending(path: "model")
      try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
      let weights = "model.safetensors"
      try FileManager.default.copyItem(
        at: folder.appending(path: weights), to: model.appending(path: weights))
      let text = try String(contentsOf: folder.appending(path: "config.json"), encoding: .utf8)
      try text.replacing("\"sliding_window\": 3", with: "\"sliding_window\": 4").write(
        to: model.appending(path: "config.json"), atomically: true, encoding: .utf8)
      let recorded = try program.touchstone(
        "record", "--model", "model", "--inputs", folder.appending(path: "float64.h5").path, "--out",
        "golden.h5")
      #expect(recorded.code == 0, "\(recorded)")
      let judged = try program.touchstone(
        "diff", "golden.h5", folder.appending(path: "float32.h5").path, "--model", "model")
      #expect(judged.code == 2 && judged.errors.contains("config_json"), "\(judged)")
    }
  }
}
