// What a product holds in registers: the unfinished sums of some rows and of some neighbouring panels. See Lanes.swift for
// why other files see functions and no types.

import TouchstoneCPU

/// Where the rows or the panels of a matrix begin, and floats from one to the next.
typealias Source = (first: UnsafePointer<Float>, stride: Int)
typealias Target = (first: UnsafeMutablePointer<Float>, stride: Int)
/// What a tile brings to the second-level cache while it computes: from where on, how far each step goes, and whether it
/// fetches a line of every panel or one line.
typealias Fetched = (first: UnsafePointer<Float>, bytesPerStep: Int, everyPanel: Bool)

#if KERNEL_AVX512
  let greatestHeight = 8
  let greatestWidth = 3
#elseif KERNEL_AVX2 || arch(arm64)
  let greatestHeight = 6
  let greatestWidth = 1
#else
  let greatestHeight = 2
  let greatestWidth = 1
#endif

/// y = start + x·W for `rows` rows of x, at most ``greatestHeight``, and `panelCount` neighbouring panels of W, each of
/// `depth` rows: at most ``greatestWidth``, and 2 or 4 for a single row.
@inline(__always)
func multiplyTile(
  _ x: Source, rows: Int, depth: Int, panels: Source, panelCount: Int, start: Source, result y: Target,
  fetching fetched: Fetched
) {
  let tile = Tile(x: x, depth: depth, panels: panels, start: start, y: y, fetched: fetched)
  switch panelCount {
  case 1: tile.compute(rows: rows, OnePanel.self)
  #if KERNEL_AVX512
    case 2: tile.compute(rows: rows, TwoPanels.self)
    case 3: tile.compute(rows: rows, ThreePanels.self)
  #else
    case 2: tile.compute(Rows1<TwoPanels>.self)
  #endif
  default: tile.compute(Rows1<FourPanels>.self)
  }
}

/// y += x·W for one row of x and an even number of panels, each of `depth` rows that are few.
@inline(__always)
func addProduct(
  _ x: UnsafePointer<Float>, depth: Int, panels: Source, panelCount: Int, to y: UnsafeMutablePointer<Float>
) {
  var panel = 0
  while panel < panelCount {
    let (w, target) = (panels.first + panel * panels.stride, y + panel * panelWidth)
    if panel + 4 <= panelCount {
      goOn(FourPanels.self, x, depth, w, panels.stride, target)
      panel += 4
    } else {
      goOn(TwoPanels.self, x, depth, w, panels.stride, target)
      panel += 2
    }
  }
}

@inline(__always)
private func goOn<Columns: Strip>(
  _: Columns.Type, _ x: UnsafePointer<Float>, _ depth: Int, _ w: UnsafePointer<Float>, _ distance: Int,
  _ y: UnsafeMutablePointer<Float>
) {
  var sums = Columns(at: y, distance: panelWidth)
  var k = 0
  while k < depth {
    sums.add(Lanes(repeating: x[k]), times: Columns(at: w + k * panelWidth, distance: distance))
    k += 1
  }
  sums.store(to: y)
}

// MARK: What stands in registers

/// The columns of some neighbouring panels, of one row of W or of the result.
private protocol Strip {
  static var panels: Int { get }
  /// `distance`: from one panel to the next.
  init(at pointer: UnsafePointer<Float>, distance: Int)
  func store(to pointer: UnsafeMutablePointer<Float>)
  mutating func add(_ x: Lanes, times w: Self)
  static func prefetch(_ pointer: UnsafePointer<Float>, distance: Int)
}

private struct OnePanel: Strip {
  var lanes: Lanes

  @inline(__always) static var panels: Int { 1 }
  @inline(__always) init(at pointer: UnsafePointer<Float>, distance: Int) { lanes = Lanes(at: pointer) }
  @inline(__always) func store(to pointer: UnsafeMutablePointer<Float>) { lanes.store(to: pointer) }

  @inline(__always) mutating func add(_ x: Lanes, times w: Self) {
    lanes = multiplyAdd(x, w.lanes, lanes)
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

  @inline(__always) mutating func add(_ x: Lanes, times w: Self) {
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
    sums.add(Lanes(repeating: x[0]), times: w)
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
  let x: Source
  let depth: Int
  let panels: Source
  let start: Source
  let y: Target
  let fetched: Fetched

  @inline(never)
  func compute<Rows: Sums>(_: Rows.Type) {
    var sums = Rows(at: start.first, stride: start.stride)
    var w = panels.first
    var ahead = UnsafeRawPointer(fetched.first)
    var k = 0
    while k < depth {
      let line = ahead.assumingMemoryBound(to: Float.self)
      if fetched.everyPanel {
        Rows.Columns.prefetch(line, distance: panels.stride)
      } else {
        touchstone_prefetch(line)
      }
      ahead += fetched.bytesPerStep
      sums.add(x.first + k, stride: x.stride, times: Rows.Columns(at: w, distance: panels.stride))
      w += panelWidth
      k += 1
    }
    sums.store(to: y.first, stride: y.stride)
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
}
