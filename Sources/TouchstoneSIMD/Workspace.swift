/// The activations of one block of rows, and each thread's room for attention.
final class Workspace: Sendable {
  let rows: Int
  let keys: Int
  /// By ``Buffer``.
  private let buffers: [RowBuffer]
  /// As many zeros as a product of attention has columns: the start of a sum without bias.
  let zeros: AlignedBuffer
  /// For each thread, the scores of one tile of rows.
  let scores: [RowBuffer]
  /// For each thread, one head's context of one tile of rows.
  let headContext: [RowBuffer]

  /// Rows that attention computes at once: more bring less of the keys and values from the second-level cache, and
  /// leave more for the kernel of the last keys.
  static let attentionRows = 32

  init(_ needs: Needs, rows: Int, keys: Int, threadCount: Int) {
    self.rows = rows
    self.keys = keys
    buffers = needs.widths.map { RowBuffer(rows: rows, width: $0) }
    let headWidth = needs.caches.map(\.shape.valueWidth).max() ?? 0
    zeros = AlignedBuffer(count: roundedUp(max(keys, headWidth), to: Kernels.pairWidth))
    let tile = min(rows, Self.attentionRows)
    scores = (0..<threadCount).map { _ in RowBuffer(rows: tile, width: keys) }
    headContext = (0..<threadCount).map { _ in RowBuffer(rows: tile, width: headWidth) }
  }

  subscript(buffer: Buffer) -> RowBuffer { buffers[buffer.rawValue] }

  /// The rows of an activation that begins with the buffer's first column.
  func buffer(_ place: Place) -> RowBuffer {
    precondition(place.column == 0)
    return self[place.buffer]
  }

  /// The rows of an activation, for loops over many.
  func rows(of place: Place) -> RowBuffer {
    self[place.buffer].from(column: place.column)
  }

  /// Where a row of an activation begins.
  func row(_ index: Int, of place: Place) -> UnsafeMutablePointer<Float> {
    self[place.buffer].row(index) + place.column
  }

  /// Moves the last rows of a place to the front.
  func dropRows(_ dropped: Int, keeping kept: Int, of place: Place) {
    for row in 0..<kept {
      self.row(row, of: place).update(from: self.row(row + dropped, of: place), count: place.width)
    }
  }
}
