/// A matrix [depth, columns] in panels of 16 columns, [panel][depth][16]: an even number of them, the last
/// filled up with zeros.
struct PackedMatrix: Hashable, Sendable {
  /// Where the panels begin.
  let panels: WeightLayout.Offset
  /// Where one start value for each column begins, zeros where there is no bias; filled up to whole panels.
  let bias: WeightLayout.Offset
  let depth: Int
  let columns: Int

  var panelStride: Int { depth * Kernels.panelWidth }
  var panelCount: Int { Self.panelCount(columns) }

  static func panelCount(_ columns: Int) -> Int {
    roundedUp(columns, to: Kernels.pairWidth) / Kernels.panelWidth
  }

  static func floatCount(depth: Int, columns: Int) -> Int {
    panelCount(columns) * Kernels.panelWidth * (depth + 1)
  }

  /// y = x·W + b, shared out among the threads of a pool; see ``Machine/multiply(_:_:to:rows:finish:)``.
  func multiply(
    _ x: RowBuffer, to y: RowBuffer, rows: Int, weights: UnsafePointer<Float>, kernels: Kernels,
    pool: ThreadPool, finish: ((_ row: Int, _ column: Int, _ count: Int) -> Void)?
  ) {
    let pieces = Pieces(rows: rows, matrix: self, threadCount: pool.threadCount)
    let (panels, bias) = (weights + panels, weights + bias)
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
