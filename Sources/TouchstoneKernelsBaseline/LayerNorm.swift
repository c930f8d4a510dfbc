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
