import Foundation

/// Gives back the memory behind bytes of a mapped file that have been read for the last time.
///
/// Without it a model that is packed from a mapped file is in memory twice until the file is unmapped.
struct MappedPages {
  /// What has been read is given back in steps of so many bytes.
  private static let step = 1 << 22

  private let start: Int
  /// The addresses that can still be given back; empty where the bytes are not a read-only view of a file.
  private var pending: Range<Int>

  init(_ bytes: UnsafeRawBufferPointer) {
    start = Int(bitPattern: bytes.baseAddress)
    pending = start..<start
    #if os(Linux)
      let page = Int(sysconf(Int32(_SC_PAGESIZE)))
      let first = roundedUp(start, to: page)
      let end = (start + bytes.count) / page * page
      if end - first >= page && bytes.count >= Self.step / 4 && Self.isReadOnlyFile(first..<end) {
        pending = first..<end
      }
    #endif
  }

  /// Drops the whole pages before `offset`, once they are many or the last; a later read brings them back.
  mutating func release(before offset: Int) {
    #if os(Linux)
      let end = min(pending.upperBound, start + offset)
      guard end == pending.upperBound || end - pending.lowerBound >= Self.step else { return }
      let page = Int(sysconf(Int32(_SC_PAGESIZE)))
      let whole = end / page * page
      guard whole > pending.lowerBound else { return }
      madvise(
        UnsafeMutableRawPointer(bitPattern: pending.lowerBound), whole - pending.lowerBound, MADV_DONTNEED)
      pending = whole..<pending.upperBound
    #endif
  }

  /// Whether one read-only private mapping of a file holds all of `addresses`.
  ///
  /// On any other memory dropping pages would drop what is in them.
  private static func isReadOnlyFile(_ addresses: Range<Int>) -> Bool {
    guard let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8) else { return false }
    return maps.split(separator: "\n").contains { line in
      // 7f0000000000-7f0000001000 r--p 00000000 08:01 1234   /path
      let fields = line.split(separator: " ", omittingEmptySubsequences: true)
      guard fields.count >= 5, fields[1] == "r--p", fields[4] != "0" else { return false }
      let bounds = fields[0].split(separator: "-").compactMap { Int($0, radix: 16) }
      return bounds.count == 2 && bounds[0] <= addresses.lowerBound && addresses.upperBound <= bounds[1]
    }
  }
}
