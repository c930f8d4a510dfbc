import TouchstoneCPU

// What the machine itself can do, for the benchmarks to be held against.

/// Six independent chains of multiply-adds, enough to keep the units busy while one waits for itself.
private struct SixChains {
  var a: touchstone_lanes
  var b: touchstone_lanes
  var c: touchstone_lanes
  var d: touchstone_lanes
  var e: touchstone_lanes
  var f: touchstone_lanes

  @inline(__always)
  init() {
    a = touchstone_lanes(repeating: 1)
    b = touchstone_lanes(repeating: 2)
    c = touchstone_lanes(repeating: 3)
    d = touchstone_lanes(repeating: 4)
    e = touchstone_lanes(repeating: 5)
    f = touchstone_lanes(repeating: 6)
  }

  @inline(__always)
  mutating func advance(_ factor: touchstone_lanes, _ term: touchstone_lanes) {
    a = touchstone_multiply_add(a, factor, term)
    b = touchstone_multiply_add(b, factor, term)
    c = touchstone_multiply_add(c, factor, term)
    d = touchstone_multiply_add(d, factor, term)
    e = touchstone_multiply_add(e, factor, term)
    f = touchstone_multiply_add(f, factor, term)
  }

  @inline(__always)
  var total: touchstone_lanes {
    touchstone_add(
      touchstone_add(touchstone_add(a, b), touchstone_add(c, d)), touchstone_add(e, f))
  }
}

#if KERNEL_AVX512
  private let chainCount = 12
#else
  private let chainCount = 6
#endif

/// Multiply-adds on registers alone, at least `count` of them (a multiply-add counts as one operation for
/// each number, not as two).
///
/// - Returns: how many were made.
@inline(never)
public func multiplyAddRepeatedly(count: Int, factor: Float, term: Float) -> Int {
  let factors = touchstone_lanes(repeating: factor)
  let terms = touchstone_lanes(repeating: term)
  var chains = SixChains()
  #if KERNEL_AVX512
    var more = SixChains()
  #endif
  var done = 0
  while done < count {
    chains.advance(factors, terms)
    #if KERNEL_AVX512
      more.advance(factors, terms)
    #endif
    done += chainCount * 16
  }
  #if KERNEL_AVX512
    let total = touchstone_add(chains.total, more.total)
  #else
    let total = chains.total
  #endif
  // Never so; keeps the sums from being dropped as unused.
  return total[0] == .infinity ? 0 : done
}

/// The sum of `count` (a multiple of 64) values: as fast as memory delivers them.
@inline(never)
public func readThrough(_ x: UnsafePointer<Float>, count: Int) -> Float {
  var a = touchstone_lanes(repeating: 0)
  var b = a
  var c = a
  var d = a
  var index = 0
  while index < count {
    a = touchstone_add(a, touchstone_load(x + index))
    b = touchstone_add(b, touchstone_load(x + index + 16))
    c = touchstone_add(c, touchstone_load(x + index + 32))
    d = touchstone_add(d, touchstone_load(x + index + 48))
    index += 64
  }
  return touchstone_add(touchstone_add(a, b), touchstone_add(c, d))[0]
}
