import Foundation
import TouchstoneModel

/// Reads little-endian numbers and counted strings, one after the other, and never past the end.
struct ByteCursor {
  let bytes: Data
  /// Counted from the beginning of the file.
  private(set) var offset = 0

  var remaining: Int { bytes.count - offset }

  /// Steps over so many bytes.
  mutating func skip(_ count: UInt64) throws(BadInput) -> Range<Int> {
    guard let count = Int(exactly: count), count <= remaining else {
      throw BadInput(problem: "goes past the end of the file at byte \(bytes.count)")
    }
    defer { offset += count }
    return offset..<offset + count
  }

  mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) throws(BadInput) -> T {
    let range = try skip(UInt64(MemoryLayout<T>.size))
    return bytes.withUnsafeBytes {
      T(littleEndian: $0.loadUnaligned(fromByteOffset: range.lowerBound, as: T.self))
    }
  }

  /// The bytes of a string, behind their count.
  mutating func string() throws(BadInput) -> Data {
    let range = try skip(integer(UInt64.self))
    return bytes[bytes.startIndex + range.lowerBound..<bytes.startIndex + range.upperBound]
  }

  /// A name: UTF-8 of at most 64 KiB.
  mutating func name() throws(BadInput) -> String {
    let bytes = try string()
    guard bytes.count < 1 << 16, let name = String(validating: bytes, as: UTF8.self), !name.isEmpty else {
      throw BadInput(problem: "holds a name that is empty, longer than 64 KiB, or not UTF-8")
    }
    return name
  }
}
