// This folder is compiled once for each instruction set; the other kernel modules hold symbolic links to its files.
// Nothing here may leave a shared symbol behind (arrays, closures, Foundation, types that are not private): one that was
// compiled with vector instructions could be the copy that the linker keeps for the whole program.

import TouchstoneCPU

/// Columns of a packed panel; one row of it is a cache line.
let panelWidth = 16

/// Sixteen float32 values: one AVX-512 register, two of AVX2, four of SSE or NEON.
typealias Lanes = SIMD16<Float>

/// a·b + c, rounded once; on x86-64 without FMA rounded twice.
@inline(__always)
func multiplyAdd(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes { touchstone_multiply_add(a, b, c) }

@inline(__always) func + (a: Lanes, b: Lanes) -> Lanes { touchstone_add(a, b) }
@inline(__always) func - (a: Lanes, b: Lanes) -> Lanes { touchstone_subtract(a, b) }
@inline(__always) func * (a: Lanes, b: Lanes) -> Lanes { touchstone_multiply(a, b) }
@inline(__always) func / (a: Lanes, b: Lanes) -> Lanes { touchstone_divide(a, b) }

extension SIMD16<Float> {
  @inline(__always)
  init(at pointer: UnsafePointer<Float>) {
    self = touchstone_load(pointer)
  }

  /// The first `count` (below 16) values at `pointer`; the other lanes hold `filler`.
  @inline(__always)
  init(first count: Int, at pointer: UnsafePointer<Float>, filler: Float = 0) {
    self = touchstone_load_first(pointer, count, filler)
  }

  @inline(__always)
  func store(to pointer: UnsafeMutablePointer<Float>) {
    touchstone_store(self, pointer)
  }

  @inline(__always)
  func store(first count: Int, to pointer: UnsafeMutablePointer<Float>) {
    touchstone_store_first(self, count, pointer)
  }

  /// The sum of the lanes by the fixed tree: lane i with lane i + 8, then i + 4, i + 2, i + 1.
  @inline(__always)
  var treeSum: Float {
    let eight = lowHalf + highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two[0] + two[1]
  }

  /// Lane by lane the greater of the two; where `other` is NaN, this one.
  @inline(__always)
  func greater(_ other: Self) -> Self {
    replacing(with: other, where: other .> self)
  }

  /// The greatest lane.
  @inline(__always)
  var greatest: Float {
    let eight = lowHalf.replacing(with: highHalf, where: highHalf .> lowHalf)
    let four = eight.lowHalf.replacing(with: eight.highHalf, where: eight.highHalf .> eight.lowHalf)
    let two = four.lowHalf.replacing(with: four.highHalf, where: four.highHalf .> four.lowHalf)
    return two[1] > two[0] ? two[1] : two[0]
  }
}
