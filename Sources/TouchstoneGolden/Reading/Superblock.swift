import Foundation
import TouchstoneModel

/// The first look at a file, before libhdf5: whether it is HDF5, and whole.
enum Superblock {
  private static let signature = Data([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a])

  /// Checks signature, version and declared size.
  ///
  /// - Throws: `BadInput` when the file is of another kind or cut short.
  static func check(_ path: String, byteCount: Int) throws(BadInput) {
    guard let file = try? FileHandle(forReadingFrom: URL(fileURLWithPath: path)) else {
      throw BadInput(file: path, problem: "cannot be read", remedy: "check its permissions")
    }
    defer { try? file.close() }
    // A user block of 512, 1024, 2048, … bytes may stand in front.
    var start = 0
    while start < byteCount {
      try? file.seek(toOffset: UInt64(start))
      let head = (try? file.read(upToCount: 64)) ?? Data()
      if head.starts(with: signature) {
        return try check(head, start: start, byteCount: byteCount, path: path)
      }
      if start == 0 { try GitLFSPointer.refuse(head, file: path) }
      start = start == 0 ? 512 : 2 * start
    }
    throw BadInput(file: path, problem: "is not an HDF5 file", remedy: "give a golden or a capture")
  }

  private static func check(_ head: Data, start: Int, byteCount: Int, path: String) throws(BadInput) {
    let damaged = BadInput(
      file: path, problem: "has a damaged HDF5 header", remedy: "copy the file again")
    // Where the width of offsets and the end of the file stand, by version (HDF5 File Format, II.A).
    guard head.count > 13 else { throw damaged }
    let (widthAt, endAt): (Int, (Int) -> Int)
    switch head[8] {
    case 0: (widthAt, endAt) = (13, { 24 + 2 * $0 })
    case 1: (widthAt, endAt) = (13, { 28 + 2 * $0 })
    case 2, 3: (widthAt, endAt) = (9, { 12 + 2 * $0 })
    default: throw damaged
    }
    let width = Int(head[widthAt])
    guard [2, 4, 8].contains(width), head.count >= endAt(width) + width else { throw damaged }
    let end = head[endAt(width)..<endAt(width) + width].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    // The end counts from the start of the signature in files with a user block, or from byte 0.
    guard let end = Int(exactly: end), end > 0 else { throw damaged }
    guard end <= byteCount else {
      throw BadInput(
        file: path, problem: "is cut short: \(byteCount) of \(end) bytes are there",
        remedy: "copy the file again")
    }
  }
}
