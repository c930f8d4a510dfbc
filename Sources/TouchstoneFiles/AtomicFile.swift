import Foundation
import TouchstoneModel

/// A file that appears under its name whole or not at all: written beside it, flushed to the disk, then renamed.
///
/// Every file that this package writes is one of these. A file that exists is replaced only where that is allowed, and
/// then only a regular one: never a device, and never what a link leads to.
package struct AtomicFile: Sendable {
  /// The final name, as the user gave it.
  package let path: String
  /// The temporary name, in the same folder.
  package let partial: String
  private let overwrite: Bool

  /// Chooses a temporary name.
  ///
  /// - Throws: ``BadInput`` where `path` exists and may not be replaced.
  package init(path: String, overwrite: Bool) throws(BadInput) {
    self.path = path
    self.overwrite = overwrite
    // Random, because process ids repeat across containers that share a folder. A name may have 255 bytes.
    let name = URL(fileURLWithPath: path).lastPathComponent
    let base = name.utf8.count > 220 ? String(path.dropLast(name.count)) + name.prefix(40) : path
    partial = base + ".partial-" + String(UInt64.random(in: .min ... .max), radix: 16)
    try checkFree()
  }

  /// Finds out what is sure to keep the file from getting its name: to be called before long work too.
  package func checkFree() throws(BadInput) {
    var facts = stat()
    guard lstat(path, &facts) == 0 else { return }
    switch facts.st_mode & S_IFMT {
    case S_IFDIR:
      throw BadInput(file: path, problem: "is a folder", remedy: "give the name of a file")
    case _ where !overwrite:
      throw BadInput(file: path, problem: "already exists", remedy: "choose another name, or --overwrite")
    case S_IFREG: return
    case S_IFLNK:
      throw BadInput(
        file: path, problem: "is a link, and only a regular file is replaced",
        remedy: "name the file itself, or remove the link")
    default:
      throw BadInput(
        file: path, problem: "is a device or a pipe, and only a regular file is replaced",
        remedy: "give the name of a file")
    }
  }

  // MARK: Writing

  /// Runs `body`, which creates the file ``partial``.
  package func create<Result: ~Copyable>(
    _ body: (String) throws(BadInput) -> Result
  ) throws(BadInput) -> Result {
    do throws(BadInput) {
      return try Unfinished.create(partial) { () throws(BadInput) in try body(partial) }
    } catch {
      discard()
      throw error
    }
  }

  /// Flushes what stands under ``partial`` to the disk.
  package func flush() throws(BadInput) {
    try flush(partial)
  }

  /// Gives the flushed file its name, and makes that last.
  package func publish() throws(BadInput) {
    try checkFree()
    let isNamed = Unfinished.settle(partial) { overwrite ? rename(partial, path) == 0 : moveToFreeName() }
    guard isNamed else {
      let failure = failure("be given its name")
      // Something may have taken the name meanwhile.
      try checkFree()
      throw failure
    }
    try flush(folder)
  }

  /// Renames, unless something has taken the name meanwhile.
  private func moveToFreeName() -> Bool {
    if link(partial, path) == 0 {
      unlink(partial)
      return true
    }
    // Or a file system without hard links.
    return errno != EEXIST && rename(partial, path) == 0
  }

  /// Removes what stands under the temporary name.
  package func discard() {
    unlink(partial)
    Unfinished.forget(partial)
  }

  private var folder: String {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    return folder.isEmpty ? "." : folder
  }

  private func flush(_ name: String) throws(BadInput) {
    let descriptor = open(name, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      // A folder that may be written to need not be readable; then its new entry cannot be flushed.
      if name != partial { return }
      throw failure("be flushed")
    }
    defer { close(descriptor) }
    // Some file systems cannot flush a folder; then there is nothing to wait for.
    guard fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP else { throw failure("be flushed") }
  }

  private func failure(_ attempt: String) -> BadInput {
    BadInput(
      file: path, problem: "cannot \(attempt): \(SystemError.current)",
      remedy: "check the free space and the permissions of the folder")
  }
}

extension AtomicFile {
  /// Where the bytes of a file that is being written go.
  package struct Sink: ~Copyable {
    fileprivate let descriptor: Int32
    fileprivate let file: AtomicFile

    /// Appends `bytes`.
    package func write(_ bytes: Data) throws(BadInput) {
      var remaining = bytes[...]
      while !remaining.isEmpty {
        let count = remaining.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw file.failure("be written") }
        remaining = remaining.dropFirst(count)
      }
    }
  }

  /// Writes under the temporary name, and flushes; nothing is left there if anything fails.
  package func fill(_ body: (borrowing Sink) throws(BadInput) -> Void) throws(BadInput) {
    let descriptor = try create { (name) throws(BadInput) in
      let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else { throw failure("be written") }
      return descriptor
    }
    do throws(BadInput) {
      defer { close(descriptor) }
      try body(Sink(descriptor: descriptor, file: self))
      guard fsync(descriptor) == 0 else { throw failure("be written") }
    } catch {
      discard()
      throw error
    }
  }

  /// Makes the file at `path` of what `body` writes; leaves what was there if anything fails.
  ///
  /// - Throws: ``BadInput`` with the system's reason (no such folder, no permission, no space), or what `body` throws.
  package static func write(
    to path: String, overwrite: Bool, _ body: (borrowing Sink) throws(BadInput) -> Void
  ) throws(BadInput) {
    let file = try AtomicFile(path: path, overwrite: overwrite)
    try file.fill(body)
    do throws(BadInput) {
      try file.publish()
    } catch {
      file.discard()
      throw error
    }
  }

  /// Makes the file at `path` of `bytes`.
  package static func write(_ bytes: Data, to path: String, overwrite: Bool) throws(BadInput) {
    try write(to: path, overwrite: overwrite) { (sink) throws(BadInput) in try sink.write(bytes) }
  }
}
