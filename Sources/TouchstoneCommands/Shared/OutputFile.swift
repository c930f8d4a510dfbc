import Foundation
import TouchstoneModel

/// Text files that a verb writes beside its output.
enum OutputFile {
  /// Finds out what is sure to keep ``write(_:to:)`` from writing: to be called before long work.
  static func checkWritable(_ path: String) throws(BadInput) {
    guard !path.hasSuffix(".h5") else {
      throw BadInput(
        file: path, problem: "would be taken for a golden or a capture",
        remedy: "give the report another name")
    }
    let folder = URL(filePath: path).deletingLastPathComponent().path
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    guard FileManager.default.isWritableFile(atPath: folder), !(exists && isFolder.boolValue) else {
      throw BadInput(
        file: path, problem: "cannot be written", remedy: "give a file in a folder that can be written to")
    }
  }

  /// Writes a file whole or not at all.
  static func write(_ text: String, to path: String) throws(BadInput) {
    try checkWritable(path)
    do {
      try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
    } catch {
      throw BadInput(
        file: path, problem: "cannot be written (\(error.localizedDescription))",
        remedy: "check the folder and the space on the disk")
    }
  }
}
