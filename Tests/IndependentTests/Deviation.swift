import TouchstoneModel

/// How far `actual` is from `expected`: the greatest difference over the greatest magnitude expected.
///
/// NaN where the shapes differ, or where one of the two is not finite and the other is not the same.
func deviation(_ actual: Tensor<Double>, from expected: Tensor<Double>) -> Double {
  guard actual.shape == expected.shape else { return .nan }
  var worst = 0.0
  var greatest = 0.0
  for (one, other) in zip(actual.values, expected.values) where one != other || other.isFinite {
    let difference = abs(one - other)
    guard difference.isFinite else { return .nan }
    worst = max(worst, difference)
    greatest = max(greatest, abs(other))
  }
  return worst == 0 ? 0 : worst / greatest
}
