// What is done to one row at a time. See MatrixProduct.swift for the rules that this code keeps to.

import TouchstoneCPU

// MARK: Lanes

/// Sixteen float32 values: one AVX-512 register, two of AVX2, four of SSE or NEON.
private typealias Lanes = SIMD16<Float>

/// a·b + c, rounded once; on x86-64 without FMA rounded twice.
@inline(__always)
private func multiplyAdd(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes { touchstone_multiply_add(a, b, c) }

@inline(__always) private func + (a: Lanes, b: Lanes) -> Lanes { touchstone_add(a, b) }
@inline(__always) private func - (a: Lanes, b: Lanes) -> Lanes { touchstone_subtract(a, b) }
@inline(__always) private func * (a: Lanes, b: Lanes) -> Lanes { touchstone_multiply(a, b) }
@inline(__always) private func / (a: Lanes, b: Lanes) -> Lanes { touchstone_divide(a, b) }

private extension SIMD16<Float> {
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

// MARK: Functions of one number

/// eˣ lane by lane, to less than one unit in the last place for every float32.
///
/// x = n·ln 2 + r with whole n and |r| ≤ ln 2/2, by two steps with ln 2 in two parts (Cody & Waite 1980),
/// then eʳ = 1 + (r + r²·q(r)) with q the minimax polynomial of degree 4 (relative error 3.1·10⁻⁹). The
/// part of r that rounding would lose stays apart until the last two additions.
@inline(__always)
private func exponential(_ x: Lanes) -> Lanes {
  // Beyond these the result is 0 or infinity; a NaN is neither below nor above and passes through.
  let least = Lanes(repeating: -104)
  let most = Lanes(repeating: 89)
  var clamped = x.replacing(with: least, where: x .< least)
  clamped = clamped.replacing(with: most, where: clamped .> most)

  // Adding 1.5·2²³ rounds to a whole number, which then stands in the low bits.
  let shift = Lanes(repeating: 0x1.8p23)
  let shifted = multiplyAdd(clamped, Lanes(repeating: 0x1.715476p+0), shift)
  let n = shifted - shift
  let high = multiplyAdd(n, Lanes(repeating: -0x1.62e4p-1), clamped)  // exact: n·(ln 2's first 15 bits)
  let low = n * Lanes(repeating: -0x1.7f7d1cp-20)
  let r = high + low

  var q = Lanes(repeating: 0x1.6a2352p-10)
  q = multiplyAdd(q, r, Lanes(repeating: 0x1.123a6cp-7))
  q = multiplyAdd(q, r, Lanes(repeating: 0x1.5558f4p-5))
  q = multiplyAdd(q, r, Lanes(repeating: 0x1.55549p-3))
  q = multiplyAdd(q, r, Lanes(repeating: 0x1.fffffcp-2))
  let one = Lanes(repeating: 1)
  let power = one + (high + multiplyAdd(r * r, q, low))

  // 2ⁿ in two factors, so that subnormal results are rounded once and 2¹²⁸ needs no exponent of its own.
  let whole = unsafeBitCast(shifted, to: SIMD16<Int32>.self) &- SIMD16<Int32>(repeating: 0x4b40_0000)
  let half = whole &>> SIMD16<Int32>(repeating: 1)
  return power * powerOfTwo(half) * powerOfTwo(whole &- half)
}

/// 2ⁿ lane by lane for −126 ≤ n ≤ 127.
@inline(__always)
private func powerOfTwo(_ n: SIMD16<Int32>) -> Lanes {
  unsafeBitCast((n &+ SIMD16<Int32>(repeating: 127)) &<< SIMD16<Int32>(repeating: 23), to: Lanes.self)
}

/// GELU by its tanh approximation, as x/(1 + e^(−2z)), which is x/2·(1 + tanh z) without the cancellation
/// for x < 0: z = √(2/π)·(x + 0.044715·x³).
@inline(__always)
private func geluTanh(_ x: Lanes) -> Lanes {
  let linear = Lanes(repeating: -1.5957691216057308)
  let cubic = Lanes(repeating: -0.07135481627260026)
  let exponent = x * multiplyAdd(x * x, cubic, linear)
  return x / (Lanes(repeating: 1) + exponential(exponent))
}

/// GELU, as x·(1 − c) for x ≥ 0 and x·c for x < 0 with c = erfc(|x|/√2)/2.
///
/// c = e^(−x²/2)·t·p(t) with t = 1/(1 + 21/64·|x|/√2), the form of Hastings 1955 (Abramowitz & Stegun 7.1.26)
/// with p the minimax polynomial of degree 9 (relative error 5.7·10⁻⁹).
@inline(__always)
private func geluErf(_ x: Lanes) -> Lanes {
  let magnitude = x.replacing(with: Lanes(repeating: 0) - x, where: x .< 0)
  let one = Lanes(repeating: 1)
  let t = one / multiplyAdd(magnitude, Lanes(repeating: 0x1.db2cfep-3), one)
  var p = Lanes(repeating: 0x1.c31584p-6)
  p = multiplyAdd(p, t, Lanes(repeating: -0x1.399c68p-3))
  p = multiplyAdd(p, t, Lanes(repeating: 0x1.321f8ap-2))
  p = multiplyAdd(p, t, Lanes(repeating: -0x1.0a3e2ep-2))
  p = multiplyAdd(p, t, Lanes(repeating: 0x1.de82b2p-3))
  p = multiplyAdd(p, t, Lanes(repeating: -0x1.05e18cp-6))
  p = multiplyAdd(p, t, Lanes(repeating: 0x1.98eef4p-4))
  p = multiplyAdd(p, t, Lanes(repeating: 0x1.569cf6p-4))
  p = multiplyAdd(p, t, Lanes(repeating: 0x1.7cc4e4p-4))
  p = multiplyAdd(p, t, Lanes(repeating: 0x1.7b103p-4))
  let tail = t * p * exponential(x * x * Lanes(repeating: -0.5))
  return x * (one - tail).replacing(with: tail, where: x .< 0)
}

/// max(0, x); NaN stays NaN.
@inline(__always)
private func relu(_ x: Lanes) -> Lanes {
  x.replacing(with: 0, where: x .< 0)
}

/// A function of one number, lane by lane.
private protocol LaneFunction {
  static func value(_ x: Lanes) -> Lanes
}

private enum Exponential: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { exponential(x) }
}

private enum GELUTanh: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { geluTanh(x) }
}

private enum GELUErf: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { geluErf(x) }
}

private enum ReLU: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { relu(x) }
}

@inline(__always)
private func map<Function: LaneFunction>(
  _ function: Function.Type, _ x: UnsafePointer<Float>, _ count: Int, _ y: UnsafeMutablePointer<Float>
) {
  var index = 0
  while index + 16 <= count {
    Function.value(Lanes(at: x + index)).store(to: y + index)
    index += 16
  }
  let rest = count - index
  if rest > 0 { Function.value(Lanes(first: rest, at: x + index)).store(first: rest, to: y + index) }
}

/// y = eˣ of `count` values; y may be x.
@inline(never)
public func exponential(_ x: UnsafePointer<Float>, count: Int, result y: UnsafeMutablePointer<Float>) {
  map(Exponential.self, x, count, y)
}

/// y = GELU (tanh) of `count` values; y may be x.
@inline(never)
public func geluTanh(_ x: UnsafePointer<Float>, count: Int, result y: UnsafeMutablePointer<Float>) {
  map(GELUTanh.self, x, count, y)
}

/// y = GELU (erf) of `count` values; y may be x.
@inline(never)
public func geluErf(_ x: UnsafePointer<Float>, count: Int, result y: UnsafeMutablePointer<Float>) {
  map(GELUErf.self, x, count, y)
}

/// y = max(0, x) of `count` values; y may be x.
@inline(never)
public func relu(_ x: UnsafePointer<Float>, count: Int, result y: UnsafeMutablePointer<Float>) {
  map(ReLU.self, x, count, y)
}

/// y = a + b for `count` values; y may be either.
@inline(never)
public func add(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int, result y: UnsafeMutablePointer<Float>
) {
  var index = 0
  while index + 16 <= count {
    (Lanes(at: a + index) + Lanes(at: b + index)).store(to: y + index)
    index += 16
  }
  while index < count {
    y[index] = a[index] + b[index]
    index += 1
  }
}

// MARK: Rows

/// One row: (x − mean)/√(variance + ε)·weight + bias; y may be x.
///
/// Two passes: mean = Σx/n, variance = Σ(x − mean)²/n. Element i of a sum goes to lane i mod 16, in order;
/// the lanes are then added by the tree.
@inline(never)
public func layerNorm(
  _ x: UnsafePointer<Float>, count: Int, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>,
  epsilon: Float, result y: UnsafeMutablePointer<Float>
) {
  let whole = count & ~15
  let rest = count - whole
  var sum = Lanes(repeating: 0)
  var index = 0
  while index < whole {
    sum = sum + Lanes(at: x + index)
    index += 16
  }
  if rest > 0 { sum = sum + Lanes(first: rest, at: x + whole) }
  let mean = sum.treeSum / Float(count)
  let means = Lanes(repeating: mean)

  var squares = Lanes(repeating: 0)
  index = 0
  while index < whole {
    let difference = Lanes(at: x + index) - means
    squares = multiplyAdd(difference, difference, squares)
    index += 16
  }
  if rest > 0 {
    let difference = Lanes(first: rest, at: x + whole, filler: mean) - means
    squares = multiplyAdd(difference, difference, squares)
  }
  let variance = squares.treeSum / Float(count)
  let inverses = Lanes(repeating: 1 / (variance + epsilon).squareRoot())

  index = 0
  while index < whole {
    let normalised = (Lanes(at: x + index) - means) * inverses
    multiplyAdd(normalised, Lanes(at: weight + index), Lanes(at: bias + index)).store(to: y + index)
    index += 16
  }
  if rest > 0 {
    let normalised = (Lanes(first: rest, at: x + whole) - means) * inverses
    multiplyAdd(normalised, Lanes(first: rest, at: weight + whole), Lanes(first: rest, at: bias + whole))
      .store(first: rest, to: y + whole)
  }
}

/// One row in place: scores become probabilities.
///
/// Each score is multiplied by `scale`; `scaled`, where given, receives the products. Then p = e^(s −
/// max)·(1/Σ) with the sum's element i in lane i mod 16, in order, and the lanes added by the tree. A row
/// of −∞ alone becomes zeros.
@inline(never)
public func softmax(
  _ row: UnsafeMutablePointer<Float>, count: Int, scale: Float, scaled: UnsafeMutablePointer<Float>?
) {
  let greatest = multiplyRow(row, count, scale)
  if let scaled { scaled.update(from: row, count: count) }
  if greatest == -.infinity && !containsNaN(row, count) {
    row.update(repeating: 0, count: count)
    return
  }
  let sum = exponentiateRow(row, count, greatest)
  normaliseRow(row, count, 1 / sum)
}

/// Multiplies a row by the scale.
///
/// - Returns: the greatest product, NaN aside; −∞ where there is none.
@inline(never)
private func multiplyRow(_ row: UnsafeMutablePointer<Float>, _ count: Int, _ factor: Float) -> Float {
  let factors = Lanes(repeating: factor)
  var most = Lanes(repeating: -.infinity)
  // Four at a time: a chain of comparisons would wait for itself.
  var (second, third, fourth) = (most, most, most)
  var index = 0
  while index + 64 <= count {
    let products = (
      Lanes(at: row + index) * factors, Lanes(at: row + index + 16) * factors,
      Lanes(at: row + index + 32) * factors, Lanes(at: row + index + 48) * factors
    )
    products.0.store(to: row + index)
    products.1.store(to: row + index + 16)
    products.2.store(to: row + index + 32)
    products.3.store(to: row + index + 48)
    most = most.greater(products.0)
    second = second.greater(products.1)
    third = third.greater(products.2)
    fourth = fourth.greater(products.3)
    index += 64
  }
  most = most.greater(second).greater(third.greater(fourth))
  while index < count {
    let rest = count - index
    let isWhole = rest >= 16
    let scores = isWhole ? Lanes(at: row + index) : Lanes(first: rest, at: row + index, filler: -.infinity)
    let products = scores * factors
    if isWhole { products.store(to: row + index) } else { products.store(first: rest, to: row + index) }
    most = most.greater(isWhole ? products : Lanes(first: rest, at: row + index, filler: -.infinity))
    index += 16
  }
  return most.greatest
}

/// Multiplies a row by a number.
@inline(__always)
private func normaliseRow(_ row: UnsafeMutablePointer<Float>, _ count: Int, _ factor: Float) {
  let factors = Lanes(repeating: factor)
  var index = 0
  while index + 16 <= count {
    (Lanes(at: row + index) * factors).store(to: row + index)
    index += 16
  }
  let rest = count - index
  if rest > 0 { (Lanes(first: rest, at: row + index) * factors).store(first: rest, to: row + index) }
}

/// Replaces each s of a row by e^(s − greatest).
///
/// - Returns: the sum.
@inline(never)
private func exponentiateRow(_ row: UnsafeMutablePointer<Float>, _ count: Int, _ greatest: Float) -> Float {
  let greatests = Lanes(repeating: greatest)
  var sum = Lanes(repeating: 0)
  var index = 0
  while index < count {
    let rest = count - index
    let isWhole = rest >= 16
    let scores = isWhole ? Lanes(at: row + index) : Lanes(first: rest, at: row + index, filler: -.infinity)
    let powers = exponential(scores - greatests)
    if isWhole { powers.store(to: row + index) } else { powers.store(first: rest, to: row + index) }
    sum = sum + powers
    index += 16
  }
  return sum.treeSum
}

@inline(never)
private func containsNaN(_ row: UnsafePointer<Float>, _ count: Int) -> Bool {
  var index = 0
  while index < count {
    if row[index] != row[index] { return true }
    index += 1
  }
  return false
}
