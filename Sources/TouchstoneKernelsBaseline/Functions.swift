// Functions of one number.

/// eˣ lane by lane, to less than one unit in the last place for every float32.
///
/// x = n·ln 2 + r with whole n and |r| ≤ ln 2/2, by two steps with ln 2 in two parts (Cody & Waite 1980),
/// then eʳ = 1 + (r + r²·q(r)) with q the minimax polynomial of degree 4 (relative error 3.1·10⁻⁹). The
/// part of r that rounding would lose stays apart until the last two additions.
@inline(__always)
func exponential(_ x: Lanes) -> Lanes {
  // Beyond these the result is 0 or infinity; a NaN is neither below nor above and passes through.
  let least = Lanes(repeating: -104)
  let most = Lanes(repeating: 89)
  var clamped = x.replacing(with: least, where: x .< least)
  clamped = clamped.replacing(with: most, where: clamped .> most)

  let (n, power) = reduced(clamped)

  // 2ⁿ in two factors, so that subnormal results are rounded once and 2¹²⁸ needs no exponent of its own.
  let half = n &>> SIMD16<Int32>(repeating: 1)
  return (Lanes(repeating: 1) + power) * powerOfTwo(half) * powerOfTwo(n &- half)
}

/// eˣ − 1 lane by lane for −40 ≤ x ≤ 0, as 2ⁿ·(eʳ − 1) + (2ⁿ − 1).
@inline(__always)
private func exponentialLessOne(_ x: Lanes) -> Lanes {
  let (n, power) = reduced(x)
  let scale = powerOfTwo(n)
  return multiplyAdd(scale, power, scale - Lanes(repeating: 1))
}

/// n and eʳ − 1 with x = n·ln 2 + r.
@inline(__always)
private func reduced(_ x: Lanes) -> (n: SIMD16<Int32>, power: Lanes) {
  // Adding 1.5·2²³ rounds to a whole number, which then stands in the low bits.
  let shift = Lanes(repeating: 0x1.8p23)
  let shifted = multiplyAdd(x, Lanes(repeating: 0x1.715476p+0), shift)
  let n = shifted - shift
  let high = multiplyAdd(n, Lanes(repeating: -0x1.62e4p-1), x)  // exact: n·(ln 2's first 15 bits)
  let low = n * Lanes(repeating: -0x1.7f7d1cp-20)
  let r = high + low

  var q = Lanes(repeating: 0x1.6a2352p-10)
  q = multiplyAdd(q, r, Lanes(repeating: 0x1.123a6cp-7))
  q = multiplyAdd(q, r, Lanes(repeating: 0x1.5558f4p-5))
  q = multiplyAdd(q, r, Lanes(repeating: 0x1.55549p-3))
  q = multiplyAdd(q, r, Lanes(repeating: 0x1.fffffcp-2))
  let whole = unsafeBitCast(shifted, to: SIMD16<Int32>.self) &- SIMD16<Int32>(repeating: 0x4b40_0000)
  return (whole, high + multiplyAdd(r * r, q, low))
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
  let linear = Lanes(repeating: -0x1.988454p+0)
  let cubic = Lanes(repeating: -0x1.2444f2p-4)
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

/// max(0, x)²; NaN stays NaN.
@inline(__always)
private func reluSquared(_ x: Lanes) -> Lanes {
  let positive = relu(x)
  return positive * positive
}

/// σ(x) = 1/(1 + e^(−x)).
@inline(__always)
private func sigmoid(_ x: Lanes) -> Lanes {
  let one = Lanes(repeating: 1)
  return one / (one + exponential(Lanes(repeating: 0) - x))
}

/// x·σ(x), as x/(1 + e^(−x)).
@inline(__always)
private func silu(_ x: Lanes) -> Lanes {
  x / (Lanes(repeating: 1) + exponential(Lanes(repeating: 0) - x))
}

/// x·σ(1.702·x), as x/(1 + e^(−1.702·x)).
@inline(__always)
private func quickGELU(_ x: Lanes) -> Lanes {
  x / (Lanes(repeating: 1) + exponential(x * Lanes(repeating: -0x1.b3b646p+0)))
}

/// tanh x = −m/(m + 2) with m = e^(−2|x|) − 1, which keeps its digits where x is small, and the sign of x.
@inline(__always)
func hyperbolicTangent(_ x: Lanes) -> Lanes {
  let bits = unsafeBitCast(x, to: SIMD16<UInt32>.self)
  let sign = bits & SIMD16<UInt32>(repeating: 0x8000_0000)
  let least = Lanes(repeating: -40)
  let doubled = unsafeBitCast(bits ^ sign, to: Lanes.self) * Lanes(repeating: -2)
  let m = exponentialLessOne(doubled.replacing(with: least, where: doubled .< least))
  let tangent = (Lanes(repeating: 0) - m) / (m + Lanes(repeating: 2))
  return unsafeBitCast(unsafeBitCast(tangent, to: SIMD16<UInt32>.self) | sign, to: Lanes.self)
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

private enum ReLUSquared: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { reluSquared(x) }
}

private enum Sigmoid: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { sigmoid(x) }
}

private enum SiLU: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { silu(x) }
}

private enum QuickGELU: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { quickGELU(x) }
}

private enum Tanh: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { hyperbolicTangent(x) }
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

/// y = max(0, x)² of `count` values; y may be x.
@inline(never)
public func reluSquared(_ x: UnsafePointer<Float>, count: Int, result y: UnsafeMutablePointer<Float>) {
  map(ReLUSquared.self, x, count, y)
}

/// y = σ(x) of `count` values; y may be x.
@inline(never)
public func sigmoid(_ x: UnsafePointer<Float>, count: Int, result y: UnsafeMutablePointer<Float>) {
  map(Sigmoid.self, x, count, y)
}

/// y = x·σ(x) of `count` values; y may be x.
@inline(never)
public func silu(_ x: UnsafePointer<Float>, count: Int, result y: UnsafeMutablePointer<Float>) {
  map(SiLU.self, x, count, y)
}

/// y = x·σ(1.702·x) of `count` values; y may be x.
@inline(never)
public func quickGELU(_ x: UnsafePointer<Float>, count: Int, result y: UnsafeMutablePointer<Float>) {
  map(QuickGELU.self, x, count, y)
}

/// y = tanh x of `count` values; y may be x.
@inline(never)
public func tanh(_ x: UnsafePointer<Float>, count: Int, result y: UnsafeMutablePointer<Float>) {
  map(Tanh.self, x, count, y)
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

/// y = a·b for `count` values; y may be either.
@inline(never)
public func multiplyElements(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int, result y: UnsafeMutablePointer<Float>
) {
  var index = 0
  while index + 16 <= count {
    (Lanes(at: a + index) * Lanes(at: b + index)).store(to: y + index)
    index += 16
  }
  while index < count {
    y[index] = a[index] * b[index]
    index += 1
  }
}
