import TouchstoneModel

/// What of one activation could not be compared, or is infinite for good reason: where values stop being numbers.
struct ComparisonGap: Sendable {
  /// How many judged elements are not finite, by the definition neither.
  let incomparableCount: Int
  /// How many elements it has.
  let elementCount: Int
  /// Where the capture overflows, in a few words after its path; nil where it does not.
  let overflow: String?

  /// nil where every judged element was compared and none overflows.
  init?(_ comparison: ElementComparison, _ got: Tensor<Double>, _ want: Tensor<Double>, greatest: Double) {
    guard comparison.incomparable.count > 0 || comparison.overflowing.count > 0 else { return nil }
    incomparableCount = comparison.incomparable.count
    elementCount = got.count
    overflow = comparison.overflowing.first.map { first in
      "\(grouped(comparison.overflowing.count)) of \(counted(got.count, "element")), the first at "
        + "\(got.index(of: first)): \(significant(want.values[first], 5)) is due, and "
        + "\(significant(greatest, 5)) is the greatest number there is"
    }
  }

  /// Why the operation is not covered; nil where it is.
  var obstacle: String? {
    guard incomparableCount > 0 else { return nil }
    let those = incomparableCount == 1 ? "is" : "are"
    return
      "\(grouped(incomparableCount)) of its \(counted(elementCount, "element")) \(those) not finite, by the "
      + "definition neither, so nothing says whether it is right there"
  }
}
