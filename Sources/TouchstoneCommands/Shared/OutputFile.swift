import ArgumentParser
import Foundation
import TouchstoneFiles
import TouchstoneGraph
import TouchstoneModel

/// The option of every verb that writes a file where the user says.
struct OverwriteOption: ParsableArguments {
  @Flag(help: "Replaces a file that exists: a regular one, never a link or a device.")
  var overwrite = false
}

/// The text files that a verb writes beside its output.
///
/// Made before any work is done: what is sure to keep a file from being written is said then.
struct OutputFiles {
  private let overwrite: Bool

  /// Checks the files that options name; those that are nil were not asked for.
  ///
  /// - Parameter inputs: what the verb reads, files or folders of models.
  /// - Throws: ``BadInput`` for a file that exists and may not be replaced, one that is read or written otherwise too,
  ///   one whose name means something else, and one in a folder that cannot be written to.
  init(_ outputs: KeyValuePairs<String, String?>, inputs: [String?], overwrite: Bool) throws(BadInput) {
    self.overwrite = overwrite
    let outputs = outputs.compactMap { option, path in path.map { (option: option, path: $0) } }
    for output in outputs {
      try Self.checkName(output.path)
      try Self.checkApart(output.option, output.path, from: inputs, and: outputs)
      _ = try AtomicFile(path: output.path, overwrite: overwrite)
      let folder = URL(filePath: output.path).deletingLastPathComponent().path
      guard FileManager.default.isWritableFile(atPath: folder) else {
        throw BadInput(
          file: output.path, problem: "cannot be written",
          remedy: "give a file in a folder that can be written to")
      }
    }
  }

  /// Checks that the golden or capture that a verb writes at `path` is none of the files that it reads.
  static func checkApart(_ path: String, from inputs: [String?]) throws(BadInput) {
    try checkApart("--out", path, from: inputs, and: [])
  }

  /// Writes a text; nothing where the option was not given.
  func write(_ text: @autoclosure () throws -> String, to path: String?) throws {
    guard let path else { return }
    try AtomicFile.write(Data(try text().utf8), to: path, overwrite: overwrite)
  }

  private static func checkName(_ path: String) throws(BadInput) {
    let name = URL(filePath: path).lastPathComponent
    let meaning =
      name.hasSuffix(".h5")
      ? "a golden or a capture"
      : name.hasSuffix(".sha256")
        ? "the digest of a file" : name == "MANIFEST.json" ? "a list of goldens" : nil
    guard let meaning else { return }
    throw BadInput(
      file: path, problem: "would be taken for \(meaning)", remedy: "give the report another name")
  }

  private static func checkApart(
    _ option: String, _ path: String, from inputs: [String?], and outputs: [(option: String, path: String)]
  ) throws(BadInput) {
    let place = FilePlace(path)
    if let other = outputs.first(where: { $0.option != option && FilePlace($0.path) == place }) {
      throw BadInput(
        file: path, problem: "is named by \(other.option) and by \(option)",
        remedy: "give each a file of its own")
    }
    guard
      inputs.contains(where: {
        $0.map { FilePlace($0) == place || FilePlace.model($0, holds: place) } ?? false
      })
    else { return }
    throw BadInput(
      file: path, place: option, problem: "is a file that is read here", remedy: "give it another name")
  }
}

/// A folder into which a verb writes files of its own naming.
struct OutputFolder {
  private let path: String
  private let overwrite: Bool

  /// Makes the folder where there is none, and checks that none of the files is there already.
  ///
  /// - Throws: ``BadInput`` for a path that is no folder, one that cannot be written to, and for a file that exists and
  ///   may not be replaced.
  init(_ path: String, files: [String], overwrite: Bool) throws(BadInput) {
    (self.path, self.overwrite) = (path, overwrite)
    var isFolder: ObjCBool = false
    if !FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) {
      do {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      } catch {
        throw BadInput(
          file: path, problem: "cannot be made", remedy: "give a folder in one that can be written to")
      }
    } else if !isFolder.boolValue {
      throw BadInput(file: path, problem: "is a file, not a folder", remedy: "give a folder")
    }
    guard FileManager.default.isWritableFile(atPath: path) else {
      throw BadInput(file: path, problem: "cannot be written to", remedy: "check its permissions")
    }
    for name in files { _ = try AtomicFile(path: file(name), overwrite: overwrite) }
  }

  /// Where a file of that name stands or will stand.
  func file(_ name: String) -> String { path.hasSuffix("/") ? path + name : path + "/" + name }

  /// Writes a text.
  func write(_ text: String, to name: String) throws(BadInput) {
    try AtomicFile.write(Data(text.utf8), to: file(name), overwrite: overwrite)
  }
}

/// Where a path leads, so that two spellings of one file are equal.
private struct FilePlace: Equatable {
  private let path: String

  init(_ path: String) {
    let url = URL(filePath: path)
    if let whole = Self.real(path) {
      self.path = whole
    } else {
      let folder = Self.real(url.deletingLastPathComponent().path) ?? url.deletingLastPathComponent().path
      self.path = folder + "/" + url.lastPathComponent
    }
  }

  /// Whether `place` is one of the files that are read of the model in `folder`.
  static func model(_ folder: String, holds place: FilePlace) -> Bool {
    let read = [".json", ".txt", ".bpe", ".safetensors"]
    return (place.path as NSString).deletingLastPathComponent == real(folder)
      && read.contains { place.path.hasSuffix($0) }
  }

  private static func real(_ path: String) -> String? {
    guard let real = realpath(path.isEmpty ? "." : path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }
}
