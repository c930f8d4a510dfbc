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

  /// - Parameter content: what is to be in it, for the error.
  /// - Throws: ``BadInput`` where there is no memory for it.
  init(count: Int, holding content: String) throws(BadInput) {
    let byteCount = max(count, 1) * MemoryLayout<Float>.stride
    let alignment = byteCount >= 2 * Self.hugePage ? Self.hugePage : Self.cacheLine
    // calloc leaves the pages of a large block untouched until they are written.
    guard let allocation = calloc(byteCount + alignment, 1) else {
      throw BadInput(
        place: "memory", problem: "there is no room for the \(content), \(byteCount / 1_000_000) MB",
        remedy: "choose a smaller model or a machine with more memory")
    }
    let aligned = allocation.alignedUp(toMultipleOf: alignment)
    #if os(Linux)
      if alignment == Self.hugePage { madvise(aligned, byteCount, MADV_HUGEPAGE) }
    #endif
    self.allocation = allocation
    self.base = aligned.bindMemory(to: Float.self, capacity: max(count, 1))
    self.count = count
  }

  deinit { free(allocation) }
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
