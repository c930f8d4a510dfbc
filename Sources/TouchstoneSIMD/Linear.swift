import TouchstoneGraph
import TouchstoneModel

extension ForwardPass {
  /// y = x·W + b, shared out among the threads.
  ///
  /// - Parameter finish: called for each row of each finished piece with the row, its first column and how
  ///   many columns of it are done, by the thread that computed it.
  func linear(
    _ x: RowBuffer, _ matrix: PackedMatrix, to y: RowBuffer, rows: Int,
    finish: ((_ row: Int, _ column: Int, _ count: Int) -> Void)? = nil
  ) {
    matrix.multiply(x, to: y, rows: rows, kernels: kernels, pool: pool, finish: finish)
  }
}

extension PackedMatrix {
  /// y = x·W + b, shared out among the threads of a pool; see ``ForwardPass/linear(_:_:to:rows:finish:)``.
  func multiply(
    _ x: RowBuffer, to y: RowBuffer, rows: Int, kernels: Kernels, pool: ThreadPool,
    finish: ((_ row: Int, _ column: Int, _ count: Int) -> Void)?
  ) {
    let pieces = Pieces(rows: rows, matrix: self, threadCount: pool.threadCount)
    pool.run(chunks: pieces.count) { chunk, _ in
      let (rowRange, panelRange) = pieces[chunk]
      let column = panelRange.lowerBound * Kernels.panelWidth
      kernels.multiply(
        x.row(rowRange.lowerBound), x.stride, rowRange.count, depth,
        panels + panelRange.lowerBound * panelStride, panelStride, panelRange.count,
        bias + column, 0, y.row(rowRange.lowerBound) + column, y.stride)
      guard let finish else { return }
      let columns = min(panelRange.upperBound * Kernels.panelWidth, columns) - column
      for row in rowRange { finish(row, column, columns) }
    }
  }
}

/// How a product is cut into pieces for the threads: blocks of rows by groups of pairs of panels.
///
/// Cutting changes no bit: each result is one chain over the depth, whoever computes it.
struct Pieces {
  private let rows: Int
  private let pairs: Int
  private let rowsPerPiece: Int
  private let pairsPerPiece: Int
  private let pairGroups: Int
  let count: Int

  /// Products below this many multiplications are not worth waking anybody.
  private static let leastWork = 1 << 16
  /// A multiple of every tile height; a piece of this height keeps a core busy for some tens of microseconds.
  private static let greatestRows = 96

  init(rows: Int, matrix: PackedMatrix, threadCount: Int) {
    self.rows = rows
    pairs = matrix.panelCount / 2
    let isSmall = threadCount == 1 || rows * matrix.depth * matrix.columns < Self.leastWork
    rowsPerPiece = isSmall ? rows : min(rows, Self.greatestRows)
    let rowBlocks = (rows + rowsPerPiece - 1) / rowsPerPiece
    // One row reads each weight once: smaller pieces, so that the threads read beside each other in memory.
    let groupsPerThread = rows == 1 ? 32 : 8
    let wantedGroups = isSmall ? 1 : max(1, groupsPerThread * threadCount / rowBlocks)
    // Whole tiles of the widest kind: four panels for one row, three for more.
    let widestPairs = rows == 1 ? 2 : 3
    pairsPerPiece = roundedUp(max(1, (pairs + wantedGroups - 1) / wantedGroups), to: widestPairs)
    pairGroups = (pairs + pairsPerPiece - 1) / pairsPerPiece
    count = rowBlocks * pairGroups
  }

  subscript(index: Int) -> (rows: Range<Int>, panels: Range<Int>) {
    let (block, group) = index.quotientAndRemainder(dividingBy: pairGroups)
    return (
      block * rowsPerPiece..<min(rows, (block + 1) * rowsPerPiece),
      2 * group * pairsPerPiece..<2 * min(pairs, (group + 1) * pairsPerPiece)
    )
  }
}
