import CSystem
import Foundation
import TouchstoneModel

/// Files that are read as a whole because they are known to be small: lists, configurations, digests.
package enum SmallFile {
  /// The bytes of a regular file of at most `greatest` bytes; a link is followed.
  ///
  /// - Throws: ``BadInput`` naming the file: missing, unreadable, a device or a pipe (which has no end), larger,
  ///   or a Git LFS pointer that stands for the file.
  package static func read(_ path: String, greatest: Int) throws(BadInput) -> Data {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw BadInput(
        file: path, problem: "cannot be opened: \(SystemError.current)",
        remedy: "check the path and its permissions")
    }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var facts = stat()
    guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
      throw BadInput(file: path, problem: "is not a regular file", remedy: "give a file")
    }
    let tooLarge = BadInput(
      file: path, problem: "is larger than \(size(greatest))",
      remedy: "give the right file, or write it again")
    guard facts.st_size <= greatest else { throw tooLarge }
    do {
      let bytes = try file.read(upToCount: greatest + 1) ?? Data()
      guard bytes.count <= greatest else { throw tooLarge }
      try GitLFSPointer.refuse(bytes, file: path)
      return bytes
    } catch {
      throw error as? BadInput
        ?? BadInput(file: path, problem: "cannot be read", remedy: "check the disk that it is on")
    }
  }

  private static func size(_ byteCount: Int) -> String {
    byteCount >= 1 << 20 ? "\(byteCount >> 20) MiB" : "\(byteCount >> 10) KiB"
  }
}

/// What the system can hold a process to.
package enum SystemLimits {
  /// Whether the addresses of one built like this can be limited: not under a sanitizer, whose shadow memory takes
  /// terabytes of them.
  package static var canLimitAddresses: Bool { csystem_has_shadow_memory() == 0 }
}

/// How much of a file is really there.
package enum StoredBytes {
  /// The bytes of the file at `path` outside its holes, which a file system invents as zeros when they are read.
  ///
  /// All of `byteCount` where the file system does not say.
  package static func count(in path: String, of byteCount: Int) -> Int {
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { return byteCount }
    defer { close(descriptor) }
    return Int(csystem_stored_bytes(descriptor, Int64(byteCount)))
  }
}
