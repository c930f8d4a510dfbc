// This folder is compiled once for each instruction set; the other kernel modules hold symbolic links to its
// files. A build that is not for release inlines within a file only, so each file is complete in itself.
// Nothing here may leave a shared symbol behind (arrays, closures, Foundation): one that was compiled with
// vector instructions could be the copy that the linker keeps for the whole program.

import TouchstoneCPU

/// Columns of a packed panel; one row of it is a cache line.
private let panelWidth = 16

/// The columns that a tile computes at once: with 512-bit vectors those of two panels, else of one.
private struct Strip {
  var low: touchstone_lanes
  #if KERNEL_AVX512
    static let panels = 2
    var high: touchstone_lanes
  #else
    static let panels = 1
  #endif

  /// `distance`: from one panel to the next.
  @inline(__always)
  init(at pointer: UnsafePointer<Float>, distance: Int) {
    low = touchstone_load(pointer)
    #if KERNEL_AVX512
      high = touchstone_load(pointer + distance)
    #endif
  }

  @inline(__always)
  static func prefetch(_ pointer: UnsafePointer<Float>, distance: Int) {
    touchstone_prefetch(pointer)
    #if KERNEL_AVX512
      touchstone_prefetch(pointer + distance)
    #endif
  }

  @inline(__always)
  func store(to pointer: UnsafeMutablePointer<Float>) {
    touchstone_store(low, pointer)
    #if KERNEL_AVX512
      touchstone_store(high, pointer + panelWidth)
    #endif
  }

  @inline(__always)
  mutating func add(_ x: Float, times w: Strip) {
    let broadcast = touchstone_lanes(repeating: x)
    low = touchstone_multiply_add(broadcast, w.low, low)
    #if KERNEL_AVX512
      high = touchstone_multiply_add(broadcast, w.high, high)
    #endif
  }
}

/// The unfinished sums of the rows of a tile, held in registers.
private protocol Sums {
  static var rows: Int { get }
  init(at start: UnsafePointer<Float>, stride: Int)
  mutating func add(_ x: UnsafePointer<Float>, stride: Int, times w: Strip)
  func store(to y: UnsafeMutablePointer<Float>, stride: Int)
}

private struct TwoRows: Sums {
  var first: Strip
  var second: Strip

  @inline(__always) static var rows: Int { 2 }

  @inline(__always)
  init(at start: UnsafePointer<Float>, stride: Int) {
    first = Strip(at: start, distance: panelWidth)
    second = Strip(at: start + stride, distance: panelWidth)
  }

  @inline(__always)
  mutating func add(_ x: UnsafePointer<Float>, stride: Int, times w: Strip) {
    first.add(x[0], times: w)
    second.add(x[stride], times: w)
  }

  @inline(__always)
  func store(to y: UnsafeMutablePointer<Float>, stride: Int) {
    first.store(to: y)
    second.store(to: y + stride)
  }
}

private struct Stacked<Upper: Sums, Lower: Sums>: Sums {
  var upper: Upper
  var lower: Lower

  @inline(__always) static var rows: Int { Upper.rows + Lower.rows }

  @inline(__always)
  init(at start: UnsafePointer<Float>, stride: Int) {
    upper = Upper(at: start, stride: stride)
    lower = Lower(at: start + Upper.rows * stride, stride: stride)
  }

  @inline(__always)
  mutating func add(_ x: UnsafePointer<Float>, stride: Int, times w: Strip) {
    upper.add(x, stride: stride, times: w)
    lower.add(x + Upper.rows * stride, stride: stride, times: w)
  }

  @inline(__always)
  func store(to y: UnsafeMutablePointer<Float>, stride: Int) {
    upper.store(to: y, stride: stride)
    lower.store(to: y + Upper.rows * stride, stride: stride)
  }
}

private typealias FourRows = Stacked<TwoRows, TwoRows>
private typealias SixRows = Stacked<FourRows, TwoRows>
private typealias EightRows = Stacked<FourRows, FourRows>
private typealias TwelveRows = Stacked<EightRows, FourRows>

/// One tile: some rows of x by two panels of W.
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
  /// From each number of W to one that will be needed later; 0 where there is none to fetch.
  let ahead: Int

  /// Several rows, strip by strip.
  @inline(__always)
  func compute<Rows: Sums>(_ rows: Rows.Type) {
    var index = 0
    while index < 2 {
      let column = index * panelWidth
      var sums = Rows(at: start + column, stride: startStride)
      var w = panel + index * panelStride
      var k = 0
      while k < depth {
        Strip.prefetch(w + ahead, distance: panelStride)
        sums.add(x + k, stride: xStride, times: Strip(at: w, distance: panelStride))
        w += panelWidth
        k += 1
      }
      sums.store(to: y + column, stride: yStride)
      index += Strip.panels
    }
  }

  /// One row, both panels at once: what a single token needs is bound by how fast W arrives.
  @inline(__always)
  func computeOneRow() {
    var low = touchstone_load(start)
    var high = touchstone_load(start + panelWidth)
    var w = panel
    var k = 0
    while k < depth {
      let broadcast = touchstone_lanes(repeating: x[k])
      low = touchstone_multiply_add(broadcast, touchstone_load(w), low)
      high = touchstone_multiply_add(broadcast, touchstone_load(w + panelStride), high)
      w += panelWidth
      k += 1
    }
    touchstone_store(low, y)
    touchstone_store(high, y + panelWidth)
  }
}

@inline(never) private func oneRow(_ tile: Tile) { tile.computeOneRow() }
@inline(never) private func twoRows(_ tile: Tile) { tile.compute(TwoRows.self) }
@inline(never) private func fourRows(_ tile: Tile) { tile.compute(FourRows.self) }
@inline(never) private func sixRows(_ tile: Tile) { tile.compute(SixRows.self) }
@inline(never) private func eightRows(_ tile: Tile) { tile.compute(EightRows.self) }
@inline(never) private func twelveRows(_ tile: Tile) { tile.compute(TwelveRows.self) }

/// How many of the `remaining` rows the next tile takes: what fits the registers, and no tile left too thin.
@inline(__always)
private func tileHeight(_ remaining: Int) -> Int {
  #if KERNEL_AVX512
    if remaining >= 12 && remaining != 16 { return 12 }
    if remaining >= 8 { return 8 }
    if remaining >= 6 { return 6 }
  #elseif KERNEL_AVX2 || arch(arm64)
    if remaining >= 6 && remaining != 8 { return 6 }
  #endif
  #if KERNEL_AVX512 || KERNEL_AVX2 || arch(arm64)
    if remaining >= 4 { return 4 }
  #endif
  return remaining >= 2 ? 2 : 1
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
  var panel = 0
  while panel < panelCount {
    let column = panel * panelWidth
    var row = 0
    while row < rows {
      let height = tileHeight(rows - row)
      let tile = Tile(
        x: x + row * xStride, xStride: xStride, panel: panels + panel * panelStride,
        panelStride: panelStride, depth: depth, start: start + row * startStride + column,
        startStride: startStride, y: y + row * yStride + column, yStride: yStride,
        // While the last rows pass over these panels, the next ones are fetched.
        ahead: row + height == rows ? 2 * panelStride : 0)
      switch height {
      case 1: oneRow(tile)
      case 2: twoRows(tile)
      case 4: fourRows(tile)
      case 6: sixRows(tile)
      case 8: eightRows(tile)
      default: twelveRows(tile)
      }
      row += height
    }
    panel += 2
  }
}
