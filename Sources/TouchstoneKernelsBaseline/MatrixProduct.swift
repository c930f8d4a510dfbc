/// Rows of W in one block: so many that a block of the widest tile and the rows of x stay in the second-level cache.
private let greatestDepth = 768

/// `count`/`size`, rounded up.
@inline(__always) private func divided(_ count: Int, by size: Int) -> Int { (count + size - 1) / size }

/// The panels that the next tiles take, of `remaining`, an even number or one that `greatestWidth` has left.
@inline(__always) private func tileWidth(_ remaining: Int, rows: Int) -> Int {
  // What a single row needs is bound by how fast W arrives: several streams at once.
  #if KERNEL_AVX512 || KERNEL_AVX2 || arch(arm64)
    if rows == 1 && remaining >= 4 { return 4 }
  #endif
  if rows == 1 && remaining >= 2 { return 2 }
  return remaining == 2 || remaining == 4 ? min(2, greatestWidth) : min(remaining, greatestWidth)
}

/// y = start + x·W for `rows` rows of x and `panelCount` (an even number of) panels of W, each `depth` rows
/// of 16 columns.
///
/// Each result is one chain over k in order: y ← x[k]·w[k] + y, each step rounded once, beginning with
/// `start`. `startStride` 0 makes one row of start values (a bias) serve every row; start may be y itself,
/// to go on with an unfinished chain. Rows of y must have room for whole panels.
@inline(never)
public func multiply(
  _ x: UnsafePointer<Float>, rowStride xStride: Int, rows: Int, depth: Int,
  panels: UnsafePointer<Float>, panelStride: Int, panelCount: Int,
  start: UnsafePointer<Float>, startStride: Int,
  result y: UnsafeMutablePointer<Float>, resultStride yStride: Int
) {
  let tiles = divided(rows, by: greatestHeight)
  // Heights that differ by 1 at most, the greater ones first.
  let (height, higher) = tiles > 1 ? (rows / tiles, rows % tiles) : (rows, 0)
  let blocks = max(1, divided(depth, by: greatestDepth))
  var panel = 0
  while panel < panelCount {
    let width = tileWidth(panelCount - panel, rows: rows)
    let column = panel * panelWidth
    var block = 0
    var firstK = 0
    while block < blocks {
      let lastK = block + 1 == blocks ? depth : (block + 1) * depth / blocks
      let w = panels + panel * panelStride + firstK * panelWidth
      let next = lastK == depth ? panels + (panel + width) * panelStride : w + (lastK - firstK) * panelWidth
      var fetching =
        rows <= 1
        ? Fetching(nothingBeyond: w)
        : Fetching(next: next, depth: lastK - firstK, panels: width, distance: panelStride, tiles: tiles)
      var tile = 0
      var row = 0
      while tile < tiles {
        let rowsOfTile = tile < higher ? height + 1 : height
        let target = y + row * yStride + column
        multiplyTile(
          (x + row * xStride + firstK, xStride), rows: rowsOfTile, depth: lastK - firstK,
          panels: (w, panelStride), panelCount: width,
          // A chain that an earlier block began goes on from where y holds it.
          start: block == 0
            ? (start + row * startStride + column, startStride) : (UnsafePointer(target), yStride),
          result: (target, yStride), fetching: fetching.current)
        fetching.advance()
        row += rowsOfTile
        tile += 1
      }
      firstK = lastK
      block += 1
    }
    panel += width
  }
}

/// What a tile brings to the second-level cache while it computes: a part of the block of W that comes next.
///
/// The tiles of a block share the next one out evenly; fetched all at once it would keep the tile waiting. Divisions
/// are few: a tile of a short depth would take as long as several of them.
private struct Fetching {
  private(set) var current: Fetched

  private let depth: Int
  private let panels: Int
  private let tiles: Int
  private var panelStart: UnsafePointer<Float>
  private let distance: Int
  private var panel = 0
  /// Floats from where one tile begins to where the next one does, and the tiles left in this panel.
  private var step = 0
  private var left = 0

  /// Nothing: one row leaves a block before another could fetch it, and its streams the processor itself foresees.
  @inline(__always) init(nothingBeyond line: UnsafePointer<Float>) {
    (current, panelStart) = ((line, bytesPerStep: 0, everyPanel: false), line)
    (depth, panels, tiles, distance) = (0, 0, 1, 0)
  }

  /// - Parameters:
  ///   - next: `depth` rows of `panels` panels, `distance` apart, that `tiles` tiles share out.
  @inline(__always)
  init(next: UnsafePointer<Float>, depth: Int, panels: Int, distance: Int, tiles: Int) {
    (current, panelStart) = ((next, bytesPerStep: 0, everyPanel: tiles < panels), next)
    (self.depth, self.panels, self.tiles, self.distance) = (depth, panels, tiles, distance)
    if current.everyPanel { share(among: tiles) } else { share(among: divided(tiles, by: panels)) }
  }

  @inline(__always) private mutating func share(among count: Int) {
    (left, step) = (count, depth / count * panelWidth)
    // Less than a line where several tiles share a panel.
    current.bytesPerStep = divided(panelWidth * 4, by: count)
  }

  /// Goes on to the next tile's part.
  @inline(__always) mutating func advance() {
    left -= 1
    current.first += step
    guard left == 0 && !current.everyPanel && panel + 1 < panels else { return }
    panel += 1
    panelStart += distance
    current.first = panelStart
    share(among: divided((panel + 1) * tiles, by: panels) - divided(panel * tiles, by: panels))
  }
}
