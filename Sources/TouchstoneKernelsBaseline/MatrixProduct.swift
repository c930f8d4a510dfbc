// This folder is compiled once for each instruction set; the other kernel modules hold symbolic links to its
// files. A build that is not for release inlines within a file only, so each file is complete in itself.
// Nothing here may leave a shared symbol behind (arrays, closures, Foundation): one that was compiled with
// vector instructions could be the copy that the linker keeps for the whole program.

import TouchstoneCPU

/// Columns of a packed panel; one row of it is a cache line.
private let panelWidth = 16

// MARK: What a tile holds in registers

/// The columns of some neighbouring panels, of one row of W or of the result.
private protocol Strip {
  static var panels: Int { get }
  /// `distance`: from one panel to the next.
  init(at pointer: UnsafePointer<Float>, distance: Int)
  func store(to pointer: UnsafeMutablePointer<Float>)
  mutating func add(_ x: touchstone_lanes, times w: Self)
  static func prefetch(_ pointer: UnsafePointer<Float>, distance: Int)
}

private struct OnePanel: Strip {
  var lanes: touchstone_lanes

  @inline(__always) static var panels: Int { 1 }
  @inline(__always) init(at pointer: UnsafePointer<Float>, distance: Int) { lanes = touchstone_load(pointer) }
  @inline(__always) func store(to pointer: UnsafeMutablePointer<Float>) { touchstone_store(lanes, pointer) }

  @inline(__always) mutating func add(_ x: touchstone_lanes, times w: Self) {
    lanes = touchstone_multiply_add(x, w.lanes, lanes)
  }

  @inline(__always)
  static func prefetch(_ pointer: UnsafePointer<Float>, distance: Int) { touchstone_prefetch(pointer) }
}

/// Some panels beside some more.
private struct Beside<Left: Strip, Right: Strip>: Strip {
  var left: Left
  var right: Right

  @inline(__always) static var panels: Int { Left.panels + Right.panels }

  @inline(__always) init(at pointer: UnsafePointer<Float>, distance: Int) {
    left = Left(at: pointer, distance: distance)
    right = Right(at: pointer + Left.panels * distance, distance: distance)
  }

  @inline(__always) func store(to pointer: UnsafeMutablePointer<Float>) {
    left.store(to: pointer)
    right.store(to: pointer + Left.panels * panelWidth)
  }

  @inline(__always) mutating func add(_ x: touchstone_lanes, times w: Self) {
    left.add(x, times: w.left)
    right.add(x, times: w.right)
  }

  @inline(__always) static func prefetch(_ pointer: UnsafePointer<Float>, distance: Int) {
    Left.prefetch(pointer, distance: distance)
    Right.prefetch(pointer + Left.panels * distance, distance: distance)
  }
}

private typealias TwoPanels = Beside<OnePanel, OnePanel>
private typealias ThreePanels = Beside<TwoPanels, OnePanel>
private typealias FourPanels = Beside<TwoPanels, TwoPanels>

/// The unfinished sums of the rows of a tile.
private protocol Sums {
  associatedtype Columns: Strip
  static var rows: Int { get }
  init(at start: UnsafePointer<Float>, stride: Int)
  mutating func add(_ x: UnsafePointer<Float>, stride: Int, times w: Columns)
  func store(to y: UnsafeMutablePointer<Float>, stride: Int)
}

/// One row of sums.
private struct Rows1<Columns: Strip>: Sums {
  var sums: Columns
  @inline(__always) static var rows: Int { 1 }

  @inline(__always)
  init(at start: UnsafePointer<Float>, stride: Int) { sums = Columns(at: start, distance: panelWidth) }

  @inline(__always) mutating func add(_ x: UnsafePointer<Float>, stride: Int, times w: Columns) {
    sums.add(touchstone_lanes(repeating: x[0]), times: w)
  }

  @inline(__always) func store(to y: UnsafeMutablePointer<Float>, stride: Int) { sums.store(to: y) }
}

/// Some rows of sums above some more.
private struct Above<Upper: Sums, Lower: Sums>: Sums where Upper.Columns == Lower.Columns {
  var upper: Upper
  var lower: Lower

  @inline(__always) static var rows: Int { Upper.rows + Lower.rows }

  @inline(__always) init(at start: UnsafePointer<Float>, stride: Int) {
    upper = Upper(at: start, stride: stride)
    lower = Lower(at: start + Upper.rows * stride, stride: stride)
  }

  @inline(__always) mutating func add(_ x: UnsafePointer<Float>, stride: Int, times w: Upper.Columns) {
    upper.add(x, stride: stride, times: w)
    lower.add(x + Upper.rows * stride, stride: stride, times: w)
  }

  @inline(__always) func store(to y: UnsafeMutablePointer<Float>, stride: Int) {
    upper.store(to: y, stride: stride)
    lower.store(to: y + Upper.rows * stride, stride: stride)
  }
}

private typealias Rows2<Columns: Strip> = Above<Rows1<Columns>, Rows1<Columns>>
private typealias Rows3<Columns: Strip> = Above<Rows2<Columns>, Rows1<Columns>>
private typealias Rows4<Columns: Strip> = Above<Rows2<Columns>, Rows2<Columns>>
private typealias Rows5<Columns: Strip> = Above<Rows4<Columns>, Rows1<Columns>>
private typealias Rows6<Columns: Strip> = Above<Rows4<Columns>, Rows2<Columns>>
private typealias Rows7<Columns: Strip> = Above<Rows4<Columns>, Rows3<Columns>>
private typealias Rows8<Columns: Strip> = Above<Rows4<Columns>, Rows4<Columns>>

// MARK: One tile

/// Some rows of x by some neighbouring panels of W.
private struct Tile {
  let x: UnsafePointer<Float>
  let xStride: Int
  let panel: UnsafePointer<Float>
  let panelStride: Int
  let depth: Int
  let start: UnsafePointer<Float>
  let startStride: Int
  let y: UnsafeMutablePointer<Float>
  let yStride: Int
  /// See ``Fetching``.
  let fetched: UnsafePointer<Float>
  let fetchedBytesPerStep: Int
  let fetchesEveryPanel: Bool

  @inline(never)
  func compute<Rows: Sums>(_: Rows.Type) {
    var sums = Rows(at: start, stride: startStride)
    var w = panel
    var ahead = UnsafeRawPointer(fetched)
    var k = 0
    while k < depth {
      let line = ahead.assumingMemoryBound(to: Float.self)
      if fetchesEveryPanel {
        Rows.Columns.prefetch(line, distance: panelStride)
      } else {
        touchstone_prefetch(line)
      }
      ahead += fetchedBytesPerStep
      sums.add(x + k, stride: xStride, times: Rows.Columns(at: w, distance: panelStride))
      w += panelWidth
      k += 1
    }
    sums.store(to: y, stride: yStride)
  }

  @inline(__always) func compute<Columns: Strip>(rows: Int, _: Columns.Type) {
    switch rows {
    case 1: compute(Rows1<Columns>.self)
    case 2: compute(Rows2<Columns>.self)
    #if KERNEL_AVX512 || KERNEL_AVX2 || arch(arm64)
      case 3: compute(Rows3<Columns>.self)
      case 4: compute(Rows4<Columns>.self)
      case 5: compute(Rows5<Columns>.self)
      case 6: compute(Rows6<Columns>.self)
    #endif
    #if KERNEL_AVX512
      case 7: compute(Rows7<Columns>.self)
      case 8: compute(Rows8<Columns>.self)
    #endif
    default: break
    }
  }

  @inline(__always) func compute(rows: Int, panels: Int) {
    switch panels {
    case 1: compute(rows: rows, OnePanel.self)
    #if KERNEL_AVX512
      case 2: compute(rows: rows, TwoPanels.self)
      case 3: compute(rows: rows, ThreePanels.self)
    #else
      case 2: compute(Rows1<TwoPanels>.self)
    #endif
    default: compute(Rows1<FourPanels>.self)
    }
  }
}

/// What a tile brings to the second-level cache while it computes: a part of the block of W that comes next.
///
/// The tiles of a block share the next one out evenly; fetched all at once it would keep the tile waiting. Divisions
/// are few: a tile of a short depth would take as long as several of them.
private struct Fetching {
  private(set) var first: UnsafePointer<Float>
  /// Over the depth; less than a line where several tiles share a panel.
  private(set) var bytesPerStep: Int
  /// Whether a step fetches a line of every panel, or one line.
  let everyPanel: Bool

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
    (first, panelStart, bytesPerStep, everyPanel) = (line, line, 0, false)
    (depth, panels, tiles, distance) = (0, 0, 1, 0)
  }

  /// - Parameters:
  ///   - next: `depth` rows of `panels` panels, `distance` apart, that `tiles` tiles share out.
  @inline(__always)
  init(next: UnsafePointer<Float>, depth: Int, panels: Int, distance: Int, tiles: Int) {
    (first, panelStart) = (next, next)
    (self.depth, self.panels, self.tiles, self.distance) = (depth, panels, tiles, distance)
    everyPanel = tiles < panels
    bytesPerStep = 0
    if everyPanel { share(among: tiles) } else { share(among: divided(tiles, by: panels)) }
  }

  @inline(__always) private mutating func share(among count: Int) {
    (left, step, bytesPerStep) = (count, depth / count * panelWidth, divided(panelWidth * 4, by: count))
  }

  /// Goes on to the next tile's part.
  @inline(__always) mutating func advance() {
    left -= 1
    first += step
    guard left == 0 && !everyPanel && panel + 1 < panels else { return }
    panel += 1
    panelStart += distance
    first = panelStart
    share(among: divided((panel + 1) * tiles, by: panels) - divided(panel * tiles, by: panels))
  }
}

// MARK: The product

#if KERNEL_AVX512
  private let greatestHeight = 8
  private let greatestWidth = 3
#elseif KERNEL_AVX2 || arch(arm64)
  private let greatestHeight = 6
  private let greatestWidth = 1
#else
  private let greatestHeight = 2
  private let greatestWidth = 1
#endif

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
        Tile(
          x: x + row * xStride + firstK, xStride: xStride, panel: w, panelStride: panelStride,
          depth: lastK - firstK,
          // A chain that an earlier block began goes on from where y holds it.
          start: block == 0 ? start + row * startStride + column : UnsafePointer(target),
          startStride: block == 0 ? startStride : yStride, y: target, yStride: yStride,
          fetched: fetching.first, fetchedBytesPerStep: fetching.bytesPerStep,
          fetchesEveryPanel: fetching.everyPanel
        )
        .compute(rows: rowsOfTile, panels: width)
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
