import Foundation
import TouchstoneGraph
import TouchstoneModel

/// float32 memory, zero at first, that begins on a cache line; large ones ask for huge pages.
///
/// Its owner decides who writes when: weights once while they are packed, buffers of a forward pass by the
/// region that computes them.
final class AlignedBuffer: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  let count: Int
  private let allocation: UnsafeMutableRawPointer
  private let byteCount: Int
  /// Whether it is mapped by itself, so that its pages can be given back.
  private let isMapped: Bool

  private static let cacheLine = 64
  private static let hugePage = 1 << 21

  /// What a model of ordinary size needs to compute; the program ends where there is no memory for it.
  convenience init(count: Int) {
    do throws(BadInput) {
      try self.init(count: count, holding: "buffers")
    } catch {
      fatalError(error.description)
    }
  }

  /// - Parameters:
  ///   - content: what is to be in it, for the error.
  ///   - reserved: whether there must be memory for all of it, and not only for the pages that are in use at a time.
  /// - Throws: ``BadInput`` where there is no memory for it.
  init(count: Int, holding content: String, reserved: Bool = true) throws(BadInput) {
    let byteCount = max(count, 1) * MemoryLayout<Float>.stride
    let alignment = byteCount >= 2 * Self.hugePage ? Self.hugePage : Self.cacheLine
    isMapped = !reserved
    self.byteCount = byteCount + alignment
    // calloc leaves the pages of a large block untouched until they are written.
    let found = reserved ? calloc(byteCount + alignment, 1) : Self.unreserved(byteCount + alignment)
    guard let allocation = found else {
      throw BadInput(
        place: "memory", problem: "there is no room for the \(content), \(byteCount / 1_000_000) MB",
        remedy: "choose a smaller model or a machine with more memory")
    }
    let aligned = allocation.alignedUp(toMultipleOf: alignment)
    #if os(Linux)
      if alignment == Self.hugePage, reserved { madvise(aligned, byteCount, MADV_HUGEPAGE) }
    #endif
    self.allocation = allocation
    self.base = aligned.bindMemory(to: Float.self, capacity: max(count, 1))
    self.count = count
  }

  /// Zeros for which no memory is set aside before they are written.
  private static func unreserved(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    let start = mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    return start == MAP_FAILED ? nil : start
  }

  /// Gives back the memory of whole pages among some elements, which are zero again where they lie in one.
  func release(_ elements: Range<Int>) {
    guard isMapped else { return }
    let page = sysconf(Int32(_SC_PAGESIZE))
    let start = (Int(bitPattern: base + elements.lowerBound) + page - 1) / page * page
    let end = Int(bitPattern: base + elements.upperBound) / page * page
    if start < end { madvise(UnsafeMutableRawPointer(bitPattern: start), end - start, MADV_DONTNEED) }
  }

  deinit { if isMapped { munmap(allocation, byteCount) } else { free(allocation) } }
}

/// Rows of activations.
///
/// The distance between rows leaves room for whole panels and is an odd number of cache lines: were it a
/// power of two, one element of every row of a tile would compete for the same few places of the
/// first-level cache.
struct RowBuffer: Sendable {
  let stride: Int
  private let buffer: AlignedBuffer
  private let start: Int

  init(rows: Int, width: Int) {
    stride = Self.stride(width: width)
    buffer = AlignedBuffer(count: rows * stride)
    start = 0
  }

  private init(stride: Int, buffer: AlignedBuffer, start: Int) {
    self.stride = stride
    self.buffer = buffer
    self.start = start
  }

  /// The same rows without the first `count`.
  func dropping(_ count: Int) -> RowBuffer {
    RowBuffer(stride: stride, buffer: buffer, start: start + count * stride)
  }

  /// The same rows from a column on.
  func from(column: Int) -> RowBuffer {
    RowBuffer(stride: stride, buffer: buffer, start: start + column)
  }

  static func stride(width: Int) -> Int {
    roundedUp(width, to: Kernels.pairWidth) + 16
  }

  func row(_ index: Int) -> UnsafeMutablePointer<Float> {
    buffer.base + start + index * stride
  }
}

/// `value` rounded up to a whole number of `unit`s.
func roundedUp(_ value: Int, to unit: Int) -> Int {
  (value + unit - 1) / unit * unit
}
