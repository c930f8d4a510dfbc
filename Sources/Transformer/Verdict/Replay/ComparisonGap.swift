import TouchstoneModel

/// What of one activation could not be compared, or is infinite for good reason: where values stop being numbers.
package struct ComparisonGap: Sendable {
  /// Values beyond the greatest number there is.
  package struct Overflow: Sendable, Equatable {
    /// How many.
    package let count: Int
    /// Of how many elements.
    package let elementCount: Int
    /// Coordinates of the first.
    package let first: [Int]
    /// What is due there.
    package let due: Double
    /// The greatest number there is.
    package let greatest: Double
  }

  /// How many judged elements are not finite, by the definition neither.
  let incomparableCount: Int
  /// How many elements it has.
  let elementCount: Int
  /// Where the capture overflows; nil where it does not.
  let overflow: Overflow?

  /// nil where every judged element was compared and none overflows.
  init?(_ comparison: ElementComparison, _ got: Tensor<Double>, _ want: Tensor<Double>, greatest: Double) {
    guard comparison.incomparable.count > 0 || comparison.overflowing.count > 0 else { return nil }
    incomparableCount = comparison.incomparable.count
    elementCount = got.count
    overflow = comparison.overflowing.first.map { first in
      Overflow(
        count: comparison.overflowing.count, elementCount: got.count, first: got.index(of: first),
        due: want.values[first], greatest: greatest)
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
