import Foundation
import TouchstoneHDF5
import TouchstoneModel

/// The name that a file gets once it is whole, and the temporary name beside it until then.
struct FileDestination {
  /// The final name, as the user gave it.
  let path: String
  /// The temporary name, in the same folder.
  let partial: String
  private let overwrite: Bool
  private let writesDigest: Bool

  /// Where the digest of the file at `path` stands.
  static func digestPath(of path: String) -> String { path + ".sha256" }

  /// Chooses a temporary name.
  ///
  /// - Throws: `BadInput` when `path` exists and may not be replaced.
  init(path: String, overwrite: Bool, writesDigest: Bool) throws(BadInput) {
    self.path = path
    self.overwrite = overwrite
    self.writesDigest = writesDigest
    // Random, because process ids repeat across containers that share a folder.
    partial = path + ".partial-" + String(UInt64.random(in: .min ... .max), radix: 16)
    try checkFree()
  }

  private func checkFree() throws(BadInput) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return }
    if isFolder.boolValue {
      throw BadInput(file: path, problem: "is a folder", remedy: "give the name of a file")
    }
    guard overwrite else {
      throw BadInput(file: path, problem: "already exists", remedy: "choose another name, or --overwrite")
    }
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    guard attributes?[.type] as? FileAttributeType == .typeRegular else {
      throw BadInput(file: path, problem: "is no regular file", remedy: "give the name of a file")
    }
  }

  /// Starts the file under its temporary name.
  func create() throws(BadInput) -> HDF5Writer {
    do throws(BadInput) {
      return try naming { () throws(BadInput) in try HDF5Writer(path: partial) }
    } catch {
      discard()
      throw error
    }
  }

  /// Runs `body`; errors about the temporary file are said of the final one.
  func naming<Result>(_ body: () throws(BadInput) -> Result) throws(BadInput) -> Result {
    do throws(BadInput) {
      return try body()
    } catch {
      var error = error
      error.file = path
      throw error
    }
  }

  /// Flushes the temporary file to the disk and gives it the final name, its digest beside it.
  ///
  /// A digest of an earlier file goes first: a crash in between leaves a whole file without a digest, never
  /// a file with the digest of another.
  func publish() throws(BadInput) {
    try flush(partial)
    if writesDigest { try writeDigest() }
    try checkFree()
    let digestPath = Self.digestPath(of: path)
    if unlink(digestPath) != 0, errno != ENOENT { throw failure("replace the digest of") }
    guard rename(partial, path) == 0 else { throw failure("give its name to") }
    if writesDigest, rename(partialDigest, digestPath) != 0 { throw failure("name the digest of") }
    try flush(folder)
  }

  private var folder: String {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    return folder.isEmpty ? "." : folder
  }

  private var partialDigest: String { Self.digestPath(of: partial) }

  /// Writes what `sha256sum --check` reads.
  private func writeDigest() throws(BadInput) {
    let text = "\(try Digest.ofFile(partial))  \(URL(fileURLWithPath: path).lastPathComponent)\n"
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: partialDigest))
    } catch {
      throw BadInput(
        file: Self.digestPath(of: path), problem: "cannot be written", remedy: "check the free space")
    }
    try flush(partialDigest)
  }

  private func flush(_ name: String) throws(BadInput) {
    let descriptor = open(name, O_RDONLY)
    guard descriptor >= 0 else { throw failure("open") }
    defer { close(descriptor) }
    // Some file systems cannot flush a folder; then there is nothing to wait for.
    guard fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP else { throw failure("flush") }
  }

  private func failure(_ attempt: String) -> BadInput {
    BadInput(
      file: path, problem: "cannot \(attempt) the file (\(String(cString: strerror(errno))))",
      remedy: "check the free space and the permissions of its folder")
  }

  /// Removes what was written under temporary names.
  func discard() {
    unlink(partial)
    unlink(partialDigest)
  }
}
