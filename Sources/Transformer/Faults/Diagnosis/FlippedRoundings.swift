/// Elements that an explanation misses because a rounding on the way fell to the other side.
///
/// Values in a narrow format that lie near the middle of two of its numbers are rounded to either by an error of any size
/// before. Such an explanation is accepted where nine elements in ten are explained within their bound, the others within a
/// few units in the last place of that format at the scale of their row, and where without it far more are missed.
struct FlippedRoundings {
  private let format: NumberFormat?
  private var (count, flippedCount, missedCount) = (0, 0, 0)

  /// How many units in the last place a flipped rounding may move a sum.
  private static let unitsAtMost = 4.0
  /// Which part of the elements may be missed.
  private static let shareAtMost = 0.1

  /// Grants nothing where no narrow format is rounded to.
  init(_ format: NumberFormat?) { self.format = format }

  /// Whether an element is granted, of its error over its bound.
  mutating func grants(
    _ ratio: Double, _ error: Double, in row: ArraySlice<Double>, missedWithoutFault: Bool
  ) -> Bool {
    guard let format else { return false }
    count += 1
    if missedWithoutFault { missedCount += 1 }
    guard !(ratio <= 1) else { return false }
    let scale = row.reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 }
    guard error <= Self.unitsAtMost * format.quantum(scale) else { return false }
    flippedCount += 1
    return true
  }

  /// Whether few enough elements were granted.
  var areFew: Bool {
    flippedCount == 0
      || Double(flippedCount) <= Self.shareAtMost * Double(count) && 5 * flippedCount <= missedCount
  }
}
