/// Turns pairs (a, b) in place: a·cos − b·sin and b·cos + a·sin, as fma(a, cos, 0 − b·sin) and fma(b, cos, a·sin).
@inline(never)
public func rotate(
  _ a: UnsafeMutablePointer<Float>, _ b: UnsafeMutablePointer<Float>, count: Int,
  cosines: UnsafePointer<Float>, sines: UnsafePointer<Float>
) {
  var index = 0
  while index + 16 <= count {
    let turned = turned(
      Lanes(at: a + index), Lanes(at: b + index), Lanes(at: cosines + index), Lanes(at: sines + index))
    turned.0.store(to: a + index)
    turned.1.store(to: b + index)
    index += 16
  }
  let rest = count - index
  if rest > 0 {
    let turned = turned(
      Lanes(first: rest, at: a + index), Lanes(first: rest, at: b + index),
      Lanes(first: rest, at: cosines + index), Lanes(first: rest, at: sines + index))
    turned.0.store(first: rest, to: a + index)
    turned.1.store(first: rest, to: b + index)
  }
}

@inline(__always)
private func turned(_ a: Lanes, _ b: Lanes, _ cosine: Lanes, _ sine: Lanes) -> (Lanes, Lanes) {
  (multiplyAdd(a, cosine, Lanes(repeating: 0) - b * sine), multiplyAdd(b, cosine, a * sine))
}
