// What the machine itself can do, for the benchmarks to be held against.

/// Independent chains of multiply-adds.
private protocol Chains {
  static var count: Int { get }
  init()
  mutating func advance(_ factor: Lanes, _ term: Lanes)
  var total: Lanes { get }
}

private struct ThreeChains: Chains {
  var (a, b, c) = (Lanes(repeating: 1), Lanes(repeating: 2), Lanes(repeating: 3))

  @inline(__always) static var count: Int { 3 }
  @inline(__always) init() {}

  @inline(__always) mutating func advance(_ factor: Lanes, _ term: Lanes) {
    a = multiplyAdd(a, factor, term)
    b = multiplyAdd(b, factor, term)
    c = multiplyAdd(c, factor, term)
  }

  @inline(__always) var total: Lanes { a + b + c }
}

private struct Twice<Half: Chains>: Chains {
  var (first, second) = (Half(), Half())

  @inline(__always) static var count: Int { 2 * Half.count }
  @inline(__always) init() {}

  @inline(__always) mutating func advance(_ factor: Lanes, _ term: Lanes) {
    first.advance(factor, term)
    second.advance(factor, term)
  }

  @inline(__always) var total: Lanes { first.total + second.total }
}

// Twelve registers each: enough to keep the units busy while one chain waits for itself, and few enough to stay there.
#if KERNEL_AVX512
  private typealias TwelveRegisters = Twice<Twice<ThreeChains>>
#elseif KERNEL_AVX2
  private typealias TwelveRegisters = Twice<ThreeChains>
#else
  private typealias TwelveRegisters = ThreeChains
#endif

/// Multiply-adds on registers alone, at least `count` of them (a multiply-add counts as one operation for
/// each number, not as two).
///
/// - Returns: how many were made.
@inline(never)
public func multiplyAddRepeatedly(count: Int, factor: Float, term: Float) -> Int {
  let factors = Lanes(repeating: factor)
  let terms = Lanes(repeating: term)
  var chains = TwelveRegisters()
  var done = 0
  while done < count {
    chains.advance(factors, terms)
    done += TwelveRegisters.count * 16
  }
  // Never so; keeps the sums from being dropped as unused.
  return chains.total[0] == .infinity ? 0 : done
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
  return ((a + b) + (c + d)).treeSum
}
