import TouchstoneModel

/// The attention of a block of rows, from the queries, keys and values in the workspace.
struct Attention {
  let configuration: Configuration
  let kernels: Kernels
  let pool: ThreadPool
  let cache: KeyValueCache
  let workspace: Workspace

  typealias Rows = ForwardPass.Rows

  /// Puts the keys and values of `stored` into the cache, then attends from `rows`, the last of them: every head, from the
  /// queries and the cache into `context`.
  func run(_ layer: Int, storing stored: Rows, _ rows: Rows, scale: Float, observed: ObservedAttention?) {
    let heads = configuration.headCount
    let tiles = (rows.count + Workspace.attentionRows - 1) / Workspace.attentionRows
    guard tiles > 1 else {
      // A head at a time, its keys and values as well.
      let work = rows.count * (rows.first + rows.count) + stored.count * Self.storingWork
      let headsPerChunk = max(1, min(heads, Self.leastWork / max(1, work * configuration.headWidth)))
      pool.run(chunks: (heads + headsPerChunk - 1) / headsPerChunk) { chunk, thread in
        for head in chunk * headsPerChunk..<min(heads, (chunk + 1) * headsPerChunk) {
          store(layer, head, stored)
          if tiles == 1 { attendTile(layer, head, rows, tile: 0, scale: scale, thread: thread, observed) }
        }
      }
      return
    }
    pool.run(chunks: heads) { head, _ in store(layer, head, stored) }
    attend(layer, rows, tiles: tiles, scale: scale, observed)
  }

  /// What storing one number costs, in multiplications of attention: it is written to a cache line of its own.
  private static let storingWork = 16
  /// Multiplications that are worth a piece of their own.
  private static let leastWork = 1 << 13

  /// Puts one head's keys and values into the cache.
  private func store(_ layer: Int, _ head: Int, _ rows: Rows) {
    let width = configuration.width
    let keys = workspace.projections.row(0) + width + head * configuration.headWidth
    cache.store(
      layer: layer, head: head, first: rows.first, count: rows.count, keys: keys, values: keys + width,
      stride: workspace.projections.stride)
  }

  private func attend(_ layer: Int, _ rows: Rows, tiles: Int, scale: Float, _ observed: ObservedAttention?) {
    let heads = configuration.headCount
    let tilesPerChunk = max(1, heads * tiles / 4096)
    let groups = (tiles + tilesPerChunk - 1) / tilesPerChunk
    pool.run(chunks: heads * groups) { chunk, thread in
      // Head after head, so that its keys and values stay in the second-level cache. The last rows see the most
      // keys: they come first, so that no long piece is left for the end.
      let (head, before) = chunk.quotientAndRemainder(dividingBy: groups)
      let group = groups - 1 - before
      for tile in group * tilesPerChunk..<min(tiles, (group + 1) * tilesPerChunk) {
        attendTile(layer, head, rows, tile: tile, scale: scale, thread: thread, observed)
      }
    }
  }

  /// One head of one tile of rows: scores, softmax, and the average of the values.
  private func attendTile(
    _ layer: Int, _ head: Int, _ rows: Rows, tile: Int, scale: Float, thread: Int,
    _ observed: ObservedAttention?
  ) {
    let headWidth = configuration.headWidth
    let firstRow = tile * Workspace.attentionRows
    let count = min(Workspace.attentionRows, rows.count - firstRow)
    let queries = workspace.projections.row(firstRow) + head * headWidth
    let (scores, context) = (workspace.scores[thread], workspace.headContext[thread])
    let zeros = workspace.zeros.base

    // Keys that every row of the tile sees, and how many the last one sees.
    let common = rows.first + firstRow + 1
    let seen = common + count - 1
    kernels.multiply(
      queries, workspace.projections.stride, count, headWidth,
      cache.keyPanels(layer: layer, head: head), cache.keyPanelStride, PackedMatrix.panelCount(seen),
      zeros, 0, scores.row(0), scores.stride)
    for row in 0..<count {
      softmax(
        scores.row(row), keys: common + row, scale: scale,
        observed: observed?.row(head: head, row: firstRow + row), observed)
    }

    // One chain over the keys in order: first those that all rows see, then each row's own rest. A head that fills
    // whole pairs of panels is written where it belongs, any other beside it, as its panels are wider than it.
    let isWhole = headWidth % Kernels.pairWidth == 0
    let target = isWhole ? workspace.context.row(firstRow) + head * headWidth : context.row(0)
    let stride = isWhole ? workspace.context.stride : context.stride
    let values = cache.valuePanels(layer: layer, head: head)
    kernels.multiply(
      scores.row(0), scores.stride, count, common, values, cache.valuePanelStride, cache.valuePanelCount,
      zeros, 0, target, stride)
    kernels.multiplyTriangle(
      scores.row(0) + common, scores.stride, count, values + common * Kernels.panelWidth,
      cache.valuePanelStride, cache.valuePanelCount, target, stride)
    if isWhole { return }
    for row in 0..<count {
      (workspace.context.row(firstRow + row) + head * headWidth)
        .update(from: context.row(row), count: headWidth)
    }
  }

  private func softmax(
    _ row: UnsafeMutablePointer<Float>, keys: Int, scale: Float, observed offset: Int?,
    _ observed: ObservedAttention?
  ) {
    if !cache.masked.isEmpty { kernels.mask(row, keys, cache.masked) }
    guard let observed, let offset else {
      kernels.softmax(row, keys, scale, nil)
      return
    }
    kernels.softmax(row, keys, scale, observed.scores + offset)
    (observed.probabilities + offset).update(from: row, count: keys)
  }
}

/// The scores and probabilities of one block, kept for an observer: [H, T, T].
///
/// What no softmax wrote stays −∞ and 0, the causal mask.
final class ObservedAttention: @unchecked Sendable {
  let scores: UnsafeMutablePointer<Float>
  let probabilities: UnsafeMutablePointer<Float>
  private let heads: Int
  private let tokens: Int

  init(heads: Int, tokens: Int) {
    self.heads = heads
    self.tokens = tokens
    let count = heads * tokens * tokens
    scores = .allocate(capacity: count)
    scores.initialize(repeating: -.infinity, count: count)
    probabilities = .allocate(capacity: count)
    probabilities.initialize(repeating: 0, count: count)
  }

  deinit {
    scores.deallocate()
    probabilities.deallocate()
  }

  func row(head: Int, row: Int) -> Int { (head * tokens + row) * tokens }

  func scoresTensor() -> Tensor<Float> { tensor(scores) }
  func probabilitiesTensor() -> Tensor<Float> { tensor(probabilities) }

  private func tensor(_ values: UnsafeMutablePointer<Float>) -> Tensor<Float> {
    let shape = [heads, tokens, tokens]
    return Tensor(Array(UnsafeBufferPointer(start: values, count: shape.reduce(1, *))), shape: shape)
  }
}
