import Crypto
import Foundation
import TouchstoneModel

/// SHA-256 in lower-case hexadecimal digits.
package enum Digest {
  /// The digest of bytes in memory.
  package static func of(_ bytes: some DataProtocol) -> String {
    text(SHA256.hash(data: bytes))
  }

  /// The digest of the whole file at `path`, read in pieces.
  ///
  /// - Throws: `BadInput` when the file cannot be read.
  package static func ofFile(_ path: String) throws(BadInput) -> String {
    do {
      let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      defer { try? file.close() }
      var hash = SHA256()
      while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty {
        hash.update(data: piece)
      }
      return text(hash.finalize())
    } catch {
      throw BadInput(file: path, problem: "cannot be read", remedy: "check its permissions")
    }
  }

  static func text(_ digest: SHA256Digest) -> String {
    digest.reduce(into: "") { text, byte in
      text.append(Character(Unicode.Scalar(hexadecimal[Int(byte >> 4)])))
      text.append(Character(Unicode.Scalar(hexadecimal[Int(byte & 15)])))
    }
  }

  private static let hexadecimal = Array("0123456789abcdef".utf8)

  /// Whether `text` is spelled as a digest.
  static func isWellFormed(_ text: some StringProtocol) -> Bool {
    text.utf8.count == 64 && text.utf8.allSatisfy(hexadecimal.contains)
  }
}

/// Which file stood at a path at one moment, so that a later look can tell whether it is still the same.
struct FileIdentity: Hashable {
  /// Bytes in the file.
  let byteCount: Int
  private let device: UInt64
  private let number: UInt64
  private let modified: [Int]

  /// Looks at `path`.
  ///
  /// - Throws: `BadInput` unless a regular file with at least one byte is there.
  init(path: String) throws(BadInput) {
    var facts = stat()
    guard stat(path, &facts) == 0 else {
      let problem =
        errno == ENOENT ? "does not exist" : "cannot be read (\(String(cString: strerror(errno))))"
      throw BadInput(file: path, problem: problem, remedy: "check the path and its permissions")
    }
    guard facts.st_mode & S_IFMT == S_IFREG else {
      throw BadInput(file: path, problem: "is not a regular file", remedy: "give a golden or a capture")
    }
    guard facts.st_size > 0 else {
      throw BadInput(file: path, problem: "is empty", remedy: "write or copy it again")
    }
    byteCount = Int(facts.st_size)
    device = UInt64(truncatingIfNeeded: facts.st_dev)
    number = UInt64(facts.st_ino)
    #if canImport(Darwin)
      let times = [facts.st_mtimespec, facts.st_ctimespec]
    #else
      let times = [facts.st_mtim, facts.st_ctim]
    #endif
    modified = times.flatMap { [Int($0.tv_sec), Int($0.tv_nsec)] }
  }
}
