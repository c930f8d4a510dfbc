/// One row: x/√(mean x² + ε)·weight; y may be x.
///
/// Element i of the sum of squares goes to lane i mod 16, in order; the lanes are then added by the tree.
@inline(never)
public func rmsNorm(
  _ x: UnsafePointer<Float>, count: Int, weight: UnsafePointer<Float>, epsilon: Float,
  result y: UnsafeMutablePointer<Float>
) {
  let whole = count & ~15
  let rest = count - whole
  var squares = Lanes(repeating: 0)
  var index = 0
  while index < whole {
    let values = Lanes(at: x + index)
    squares = multiplyAdd(values, values, squares)
    index += 16
  }
  if rest > 0 {
    let values = Lanes(first: rest, at: x + whole)
    squares = multiplyAdd(values, values, squares)
  }
  let inverses = Lanes(repeating: 1 / (squares.treeSum / Float(count) + epsilon).squareRoot())

  index = 0
  while index < whole {
    (Lanes(at: x + index) * inverses * Lanes(at: weight + index)).store(to: y + index)
    index += 16
  }
  if rest > 0 {
    (Lanes(first: rest, at: x + whole) * inverses * Lanes(first: rest, at: weight + whole))
      .store(first: rest, to: y + whole)
  }
}
