import Foundation
import Testing
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneTokenizer

/// Folders of a tokenizer's files, written for one test.
enum TokenizerFolders {
  /// Writes files over those of the small model, or alone, and gives the folder to `body`.
  @discardableResult
  static func withFolder<T>(
    _ files: [String: String], copying names: [String] = ["vocab.json", "merges.txt"],
    _ body: (String) throws -> T
  ) throws -> T {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for name in names {
      try FileManager.default.copyItem(
        at: TestData.shakespeare.appendingPathComponent(name), to: folder.appendingPathComponent(name))
    }
    for (name, text) in files { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
    return try body(folder.path)
  }

  static func refusal(
    _ files: [String: String], copying names: [String] = ["vocab.json", "merges.txt"]
  ) throws -> String {
    try withFolder(files, copying: names) { folder in
      let error = #expect(throws: BadInput.self) { try Tokenizer(folder: folder) }
      #expect(error?.remedy != nil)
      return error?.description.replacingOccurrences(of: folder, with: "FOLDER") ?? ""
    }
  }

  /// A `tokenizer.json` of the small model with some members replaced, the others null.
  static func document(_ replacing: [String: String]) throws -> String {
    var text = try String(
      contentsOf: TestData.fixtures.appendingPathComponent("reports/tokenizer-json-only/tokenizer.json"),
      encoding: .utf8)
    let value = try JSONValue.parse(Data(text.utf8))
    let members = try #require(value.object)
    // Written anew, as the places of the original differ.
    let model = try String(text[#require(text.range(of: "\"model\"")).lowerBound...].dropLast())
    text =
      "{"
      + members.keys.filter { !["model", "added_tokens"].contains($0) && replacing[$0] == nil }
      .map { "\"\($0)\": null" }.filter { !$0.contains("version") }.joined(separator: ",") + ","
    text += replacing.filter { $0.key != "model" }.map { "\"\($0)\": \($1)," }.joined()
    return text + (replacing["model"].map { "\"model\": \($0)}" } ?? model + "}")
  }
}
