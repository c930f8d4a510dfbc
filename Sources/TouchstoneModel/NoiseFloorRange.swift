/// Which numbers can be a noise floor: the root mean square of what rounding to float32 leaves in a row.
public enum NoiseFloorRange {
  /// Storing a row in float32 alone leaves at least 2⁻²⁴/√12 of its root mean square, which eight passes meet within a
  /// factor of two; where less is left, a row was not rounded at all.
  private static let leastShare = 0x1p-30

  /// What is wrong with a floor, in a few words; nil where it can be one.
  ///
  /// It may be as large as the values and larger: where a variance cancels, float32 has no digit of them.
  ///
  /// - Parameters:
  ///   - floor: one number a row: [...].
  ///   - values: the activation itself: [..., N]; nil where it is not at hand.
  public static func problem(_ floor: Tensor<Double>, of values: Tensor<Double>? = nil) -> String? {
    let greatest = Double(Float.greatestFiniteMagnitude)
    for (row, noise) in floor.values.enumerated() {
      guard noise >= 0, noise <= greatest else {
        return "is \(noise) in row \(row), which is no root mean square of float32 rounding"
      }
      guard let values, values.rowCount == floor.count else { continue }
      var (squares, count) = (0.0, 0)
      for value in values.row(row) where value.isFinite {
        squares += value * value
        count += 1
      }
      let least = leastShare * (squares / Double(max(count, 1))).squareRoot()
      // Below the normal range float32 has other spacings, and what is flushed leaves nothing.
      guard noise < least, least > Double(Float.leastNormalMagnitude) else { continue }
      return "is \(noise) in row \(row), less than storing that row in float32 leaves"
    }
    return nil
  }
}
