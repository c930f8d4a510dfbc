import TouchstoneModel

/// The activations of one block of rows, and each thread's room for attention.
final class Workspace: Sendable {
  let rows: Int
  let keys: Int
  /// The residual stream: [rows, D].
  let stream: RowBuffer
  let normed: RowBuffer
  /// Query, key and value side by side: [rows, 3·D].
  let projections: RowBuffer
  let context: RowBuffer
  /// What attention or the feed-forward adds to the stream: [rows, D].
  let projected: RowBuffer
  let inner: RowBuffer
  let innerActivated: RowBuffer
  /// As many zeros as a product of attention has columns: the start of a sum without bias.
  let zeros: AlignedBuffer
  /// For each thread, the scores of one tile of rows.
  let scores: [RowBuffer]
  /// For each thread, one head's context of one tile of rows.
  let headContext: [RowBuffer]

  /// Rows that attention computes at once: more bring less of the keys and values from the second-level cache, and
  /// leave more for the kernel of the last keys.
  static let attentionRows = 32

  init(_ configuration: Configuration, rows: Int, keys: Int, threadCount: Int) {
    let width = configuration.width
    self.rows = rows
    self.keys = keys
    stream = RowBuffer(rows: rows, width: width)
    normed = RowBuffer(rows: rows, width: width)
    projections = RowBuffer(rows: rows, width: 3 * width)
    context = RowBuffer(rows: rows, width: width)
    projected = RowBuffer(rows: rows, width: width)
    inner = RowBuffer(rows: rows, width: configuration.feedForwardWidth)
    innerActivated = RowBuffer(rows: rows, width: configuration.feedForwardWidth)
    zeros = AlignedBuffer(count: roundedUp(max(keys, configuration.headWidth), to: Kernels.pairWidth))
    let tile = min(rows, Self.attentionRows)
    scores = (0..<threadCount).map { _ in RowBuffer(rows: tile, width: keys) }
    headContext = (0..<threadCount).map { _ in RowBuffer(rows: tile, width: configuration.headWidth) }
  }
}
