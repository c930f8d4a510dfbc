import Foundation

/// Gives back the memory behind bytes of a mapped file that have been read for the last time.
///
/// Without it a model that is packed from a mapped file is in memory twice until the file is unmapped.
enum MappedPages {
  private static let leastCount = 1 << 20

  /// Drops the whole pages of `bytes` if they are a read-only view of a file; a later read brings them back.
  static func release(_ bytes: UnsafeRawBufferPointer) {
    #if os(Linux)
      guard bytes.count >= leastCount, let start = bytes.baseAddress else { return }
      let page = Int(sysconf(Int32(_SC_PAGESIZE)))
      let first = roundedUp(Int(bitPattern: start), to: page)
      let end = (Int(bitPattern: start) + bytes.count) / page * page
      guard first < end, isReadOnlyFile(first..<end) else { return }
      madvise(UnsafeMutableRawPointer(bitPattern: first), end - first, MADV_DONTNEED)
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
