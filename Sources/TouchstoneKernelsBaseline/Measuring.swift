// What the machine itself can do, for the benchmarks to be held against.

/// Six independent chains of multiply-adds, enough to keep the units busy while one waits for itself.
private struct SixChains {
  var a: Lanes
  var b: Lanes
  var c: Lanes
  var d: Lanes
  var e: Lanes
  var f: Lanes

  @inline(__always)
  init() {
    a = Lanes(repeating: 1)
    b = Lanes(repeating: 2)
    c = Lanes(repeating: 3)
    d = Lanes(repeating: 4)
    e = Lanes(repeating: 5)
    f = Lanes(repeating: 6)
  }

  @inline(__always)
  mutating func advance(_ factor: Lanes, _ term: Lanes) {
    a = multiplyAdd(a, factor, term)
    b = multiplyAdd(b, factor, term)
    c = multiplyAdd(c, factor, term)
    d = multiplyAdd(d, factor, term)
    e = multiplyAdd(e, factor, term)
    f = multiplyAdd(f, factor, term)
  }

  @inline(__always)
  var total: Lanes {
    (a + b) + (c + d) + (e + f)
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
  let factors = Lanes(repeating: factor)
  let terms = Lanes(repeating: term)
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
    let total = chains.total + more.total
  #else
    let total = chains.total
  #endif
  // Never so; keeps the sums from being dropped as unused.
  return total[0] == .infinity ? 0 : done
}

/// The sum of `count` (a multiple of 64) values: as fast as memory delivers them.
@inline(never)
public func readThrough(_ x: UnsafePointer<Float>, count: Int) -> Float {
  var a = Lanes(repeating: 0)
  var b = a
  var c = a
  var d = a
  var index = 0
  while index < count {
    a = a + Lanes(at: x + index)
    b = b + Lanes(at: x + index + 16)
    c = c + Lanes(at: x + index + 32)
    d = d + Lanes(at: x + index + 48)
    index += 64
  }
  return ((a + b) + (c + d))[0]
}
