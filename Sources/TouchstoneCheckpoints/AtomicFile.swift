import Foundation
import Synchronization
import TouchstoneModel

/// Writes files whole or not at all: beside the final name, synchronised to the disk, then renamed.
package enum AtomicFile {
  /// Where the bytes of a file that is being written go.
  package struct Sink: ~Copyable {
    fileprivate let descriptor: Int32
    fileprivate let path: String

    /// Appends `bytes`.
    package func write(_ bytes: Data) throws(BadInput) {
      var remaining = bytes[...]
      while !remaining.isEmpty {
        let count = remaining.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw AtomicFile.failure(path) }
        remaining = remaining.dropFirst(count)
      }
    }
  }

  private static let counter = Atomic<Int>(0)

  /// Creates or replaces `file` with what `body` writes; leaves what was there if anything fails.
  ///
  /// - Throws: ``BadInput`` with the system's reason (no such folder, no permission, no space), or what `body`
  ///   throws.
  package static func write(
    to file: URL, _ body: (borrowing Sink) throws(BadInput) -> Void
  ) throws(BadInput) {
    let number = counter.add(1, ordering: .relaxed).newValue
    let temporary = "\(file.path).\(getpid())-\(number).tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw failure(file.path) }
    do throws(BadInput) {
      defer { close(descriptor) }
      try body(Sink(descriptor: descriptor, path: file.path))
      guard fsync(descriptor) == 0 else { throw failure(file.path) }
    } catch {
      unlink(temporary)
      throw error
    }
    guard rename(temporary, file.path) == 0 else {
      let error = failure(file.path)
      unlink(temporary)
      throw error
    }
    synchroniseFolder(of: file)
  }

  /// Makes the new name last; a file system that cannot do so for folders is none the worse.
  private static func synchroniseFolder(of file: URL) {
    let descriptor = open(file.deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  fileprivate static func failure(_ path: String) -> BadInput {
    let remedy = errno == ENOSPC ? "free some space on the disk" : "check the folder and its permissions"
    return BadInput(file: path, problem: "cannot be written: \(SystemError.current)", remedy: remedy)
  }
}
