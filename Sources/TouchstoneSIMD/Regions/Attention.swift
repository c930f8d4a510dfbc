import TouchstoneGraph
import TouchstoneModel

/// The attention of a block of rows, from the queries, keys and values in the workspace.
struct Attention: Sendable {
  /// The number of the cache.
  let layer: Int
  /// H: heads of queries; H/KV neighbouring ones share a head of keys and values.
  let headCount: Int
  /// KV, and the columns of a key and of a value.
  let shape: HeadShape
  let query: Place
  /// Where keys and values stand before they are stored; nil where the source's are stored already.
  let own: OwnKeys?
  let context: Place
  let scale: Float
  /// Which keys a query sees.
  var visibility = Visibility.causal
  /// Where scores are capped; nil for nowhere.
  var cap: Float?
  /// How queries and keys are turned first; nil where they are not.
  var queryTurn: Turn?
  var keyTurn: Turn?
  /// What is added to scaled scores; nil for nothing.
  var bias: KeyBias?
  /// Where each head's sink stands; nil where there is none.
  var sinks: WeightLayout.Offset?

  /// Keys and values in the workspace.
  struct OwnKeys: Sendable {
    let key: Place
    let value: Place
  }

  /// What the cache keeps.
  var stored: [Place] { own.map { [$0.key, $0.value] } ?? [] }

  private var groupSize: Int { headCount / shape.count }

  /// What storing one number costs, in multiplications of attention: it is written to a cache line of its own.
  private static let storingWork = 16
  /// Multiplications that are worth a piece of their own.
  private static let leastWork = 1 << 13

  /// Turns and stores the keys and values of every row of the pass, then attends from those still computed: every head,
  /// from the queries and the cache into the context.
  func run(_ rows: Rows, on machine: Machine, observed: ObservedAttention?) {
    let tiles = (rows.count + Workspace.attentionRows - 1) / Workspace.attentionRows
    let pool = machine.pool
    guard tiles <= 1, groupSize == 1 || shape.count >= pool.threadCount else {
      pool.run(chunks: shape.count) { head, _ in store(head, rows, machine) }
      attend(rows, machine, tiles: tiles, observed)
      return
    }
    // A head of keys at a time, and the heads of queries that it serves.
    let work =
      groupSize * rows.count * (rows.firstComputed + rows.count) + rows.positionIDs.count * Self.storingWork
    let headsPerChunk = max(1, min(shape.count, Self.leastWork / max(1, work * shape.width)))
    pool.run(chunks: (shape.count + headsPerChunk - 1) / headsPerChunk) { chunk, thread in
      for keyHead in chunk * headsPerChunk..<min(shape.count, (chunk + 1) * headsPerChunk) {
        store(keyHead, rows, machine)
        guard tiles == 1 else { continue }
        for head in keyHead * groupSize..<(keyHead + 1) * groupSize {
          attendTile(head, rows, machine, tile: 0, thread: thread, observed)
        }
      }
    }
  }

  /// Puts one head's keys and values into the cache.
  private func store(_ head: Int, _ rows: Rows, _ machine: Machine) {
    guard let own else { return }
    let (workspace, count) = (machine.workspace, rows.positionIDs.count)
    let keys = workspace.row(0, of: own.key) + head * shape.width
    let keyStride = workspace[own.key.buffer].stride
    keyTurn?.turn(keys, stride: keyStride, rows: 0..<count, with: machine)
    machine.cache.store(
      layer: layer, head: head, first: rows.first, count: count, keys: keys, keyStride: keyStride,
      values: workspace.row(0, of: own.value) + head * shape.valueWidth,
      valueStride: workspace[own.value.buffer].stride)
  }

  private func attend(_ rows: Rows, _ machine: Machine, tiles: Int, _ observed: ObservedAttention?) {
    let tilesPerChunk = max(1, headCount * tiles / 4096)
    let groups = (tiles + tilesPerChunk - 1) / tilesPerChunk
    machine.pool.run(chunks: headCount * groups) { chunk, thread in
      // Head after head, so that its keys and values stay in the second-level cache. The last rows see the most
      // keys: they come first, so that no long piece is left for the end.
      let (head, before) = chunk.quotientAndRemainder(dividingBy: groups)
      let group = groups - 1 - before
      for tile in group * tilesPerChunk..<min(tiles, (group + 1) * tilesPerChunk) {
        attendTile(head, rows, machine, tile: tile, thread: thread, observed)
      }
    }
  }

  /// One head of one tile of rows: scores, softmax, and the average of the values.
  private func attendTile(
    _ head: Int, _ rows: Rows, _ machine: Machine, tile: Int, thread: Int, _ observed: ObservedAttention?
  ) {
    let (workspace, cache, kernels) = (machine.workspace, cache(machine), machine.kernels)
    let headWidth = shape.width
    let firstRow = tile * Workspace.attentionRows
    let count = min(Workspace.attentionRows, rows.count - firstRow)
    let queries = workspace.row(firstRow, of: query) + head * headWidth
    let queryStride = workspace[query.buffer].stride
    let (scores, headContext) = (workspace.scores[thread], workspace.headContext[thread])
    let zeros = workspace.zeros.base
    let keyHead = head / groupSize
    let turned = rows.dropped + firstRow..<rows.dropped + firstRow + count
    queryTurn?.turn(queries, stride: queryStride, rows: turned, with: machine)

    // Keys that every row of the tile sees, and how many the last one sees; from a pair of panels on.
    let position = rows.firstComputed + firstRow
    let total = visibility.readsSource ? machine.source?.count ?? 0 : rows.first + rows.positionIDs.count
    let seen = keys(from: position + count - 1, of: total).upperBound
    let firstPanel = keys(from: position, of: total).lowerBound / Kernels.pairWidth * 2
    kernels.multiply(
      queries, queryStride, count, headWidth,
      cache.keyPanels(layer: layer, head: keyHead) + firstPanel * shape.keyPanelStride, shape.keyPanelStride,
      PackedMatrix.panelCount(seen) - firstPanel,
      zeros, 0, scores.row(0) + firstPanel * Kernels.panelWidth, scores.stride)
    for row in 0..<count {
      softmax(
        scores.row(row), keys: keys(from: position + row, of: total), query: position + row, head: head,
        machine,
        observed: observed?.row(head: head, row: firstRow + row), observed)
    }

    // A head that fills whole pairs of panels is written where it belongs, any other beside it, as its panels are wider
    // than it.
    let valueWidth = shape.valueWidth
    let isWhole = valueWidth % Kernels.pairWidth == 0
    let target = isWhole ? workspace.row(firstRow, of: context) + head * valueWidth : headContext.row(0)
    average(
      scores, rows: count, position: position, of: total,
      values: cache.valuePanels(layer: layer, head: keyHead), machine,
      to: target, stride: isWhole ? workspace[context.buffer].stride : headContext.stride)
    if isWhole { return }
    for row in 0..<count {
      (workspace.row(firstRow + row, of: context) + head * valueWidth)
        .update(from: headContext.row(row), count: valueWidth)
    }
  }

  /// Where keys and values stand.
  private func cache(_ machine: Machine) -> KeyValueCache {
    visibility.readsSource ? machine.source?.cache ?? machine.cache : machine.cache
  }

  /// The keys that the token at `position` of `total` sees; of the source all.
  private func keys(from position: Int, of total: Int) -> Range<Int> {
    if visibility.readsSource { return 0..<total }
    let window = visibility.window ?? total
    return visibility.isCausal
      ? max(0, position + 1 - window)..<position + 1
      : max(0, position - window)..<min(total, position + window + 1)
  }

  /// The average of the values for each row of a tile, one chain over the keys in order.
  ///
  /// First those that only some rows see, at the beginning of a window; then those that all rows see; then each row's own
  /// rest.
  private func average(
    _ weights: RowBuffer, rows: Int, position: Int, of total: Int, values: UnsafePointer<Float>,
    _ machine: Machine, to target: UnsafeMutablePointer<Float>, stride: Int
  ) {
    let (kernels, panels) = (machine.kernels, shape.valuePanelCount)
    let (panelStride, zeros) = (cache(machine).valuePanelStride, UnsafePointer(machine.workspace.zeros.base))
    /// Goes on with the chains of some rows over some keys, from 0 or from where they are.
    func goOn(_ rows: Range<Int>, over keys: Range<Int>, fromZero: Bool) {
      let result = target + rows.lowerBound * stride
      kernels.multiply(
        weights.row(rows.lowerBound) + keys.lowerBound, weights.stride, rows.count, keys.count,
        values + keys.lowerBound * Kernels.panelWidth, panelStride, panels,
        fromZero ? zeros : UnsafePointer(result), fromZero ? 0 : stride, result, stride)
    }
    func firstKey(from position: Int) -> Int { keys(from: position, of: total).lowerBound }
    guard visibility.isCausal else {
      // Where all see all, all rows go together; through a window each has its own keys.
      guard visibility.window != nil else { return goOn(0..<rows, over: 0..<total, fromZero: true) }
      for row in 0..<rows { goOn(row..<row + 1, over: keys(from: position + row, of: total), fromZero: true) }
      return
    }
    let (first, common) = (firstKey(from: position + rows - 1), position + 1)
    guard first < common else {
      // A window shorter than the tile: no key is seen by all.
      for row in 0..<rows {
        let last = position + row
        goOn(row..<row + 1, over: firstKey(from: last)..<last + 1, fromZero: true)
      }
      return
    }
    let isCut = firstKey(from: position) < first
    if isCut {
      for row in 0..<rows {
        goOn(row..<row + 1, over: firstKey(from: position + row)..<first, fromZero: true)
      }
    }
    goOn(0..<rows, over: first..<common, fromZero: !isCut)
    kernels.multiplyTriangle(
      weights.row(0) + common, weights.stride, rows, values + common * Kernels.panelWidth,
      panelStride, panels, target, stride)
  }

  private func softmax(
    _ row: UnsafeMutablePointer<Float>, keys: Range<Int>, query: Int, head: Int, _ machine: Machine,
    observed offset: Int?, _ observed: ObservedAttention?
  ) {
    let (kernels, cache) = (machine.kernels, cache(machine))
    if !cache.masked.isEmpty { kernels.mask(row, keys.upperBound, cache.masked) }
    let visible = row + keys.lowerBound
    var scale = scale
    if let bias {
      OwnBias(bias, machine).add(visible, keys: keys, query: query, head: head, scale: scale)
      scale = 1
    }
    let kept = observed.flatMap { observed in offset.map { (observed, $0 + keys.lowerBound) } }
    let scores = kept.map { $0.scores + $1 }
    if let sinks {
      // One more entry, which no scale touches and whose weight is left behind the last key's: rows have room for it.
      for index in 0..<keys.count { visible[index] *= scale }
      scores?.update(from: visible, count: keys.count)
      visible[keys.count] = machine.weights[sinks + head]
      kernels.softmax(visible, keys.count + 1, 1, nil)
    } else if let cap {
      kernels.softCap(visible, keys.count, scale, cap, scores)
      kernels.softmax(visible, keys.count, 1, kept.map { $0.capped + $1 })
    } else {
      kernels.softmax(visible, keys.count, scale, scores)
    }
    if let (observed, place) = kept {
      (observed.probabilities + place).update(from: visible, count: keys.count)
    }
  }
}
