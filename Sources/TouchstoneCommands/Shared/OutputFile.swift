import Foundation
import TouchstoneModel

/// Text files that a verb writes beside its output.
enum OutputFile {
  /// Writes a file whole or not at all.
  static func write(_ text: String, to path: String) throws(BadInput) {
    guard !path.hasSuffix(".h5") else {
      throw BadInput(
        file: path, problem: "would be taken for a golden or a capture",
        remedy: "give the report another name")
    }
    do {
      try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
    } catch {
      throw BadInput(
        file: path, problem: "cannot be written (\(error.localizedDescription))",
        remedy: "check the folder and the space on the disk")
    }
  }
}
