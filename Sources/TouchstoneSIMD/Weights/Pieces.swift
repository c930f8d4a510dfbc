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
