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

/// Values in place, multiplied by `scale` and then capped softly: cap·tanh(x/cap); −∞ stays.
///
/// `scaled`, where given, receives the products.
@inline(never)
public func softCap(
  _ row: UnsafeMutablePointer<Float>, count: Int, scale: Float, cap: Float,
  scaled: UnsafeMutablePointer<Float>?
) {
  let (factors, caps) = (Lanes(repeating: scale), Lanes(repeating: cap))
  var index = 0
  while index < count {
    let rest = count - index
    let isWhole = rest >= 16
    let x = (isWhole ? Lanes(at: row + index) : Lanes(first: rest, at: row + index)) * factors
    let y = (caps * hyperbolicTangent(x / caps)).replacing(with: x, where: x .== -.infinity)
    if isWhole { y.store(to: row + index) } else { y.store(first: rest, to: row + index) }
    if let scaled {
      if isWhole { x.store(to: scaled + index) } else { x.store(first: rest, to: scaled + index) }
    }
    index += 16
  }
}
