/// How much was searched for one wrong weight that only all rows together show (NUM-13).
public struct SearchedWeights: Sendable, Equatable {
  /// How many weights.
  public let count: Int
  /// The standard deviations that flag the median of them (NUM-15).
  public let threshold: Double
}

extension [Finding] {
  /// What all elements together were searched for, in a sentence; nil where there was no product to search.
  var searchNote: String? {
    let searches = compactMap(\.searched)
    guard let least = searches.map(\.threshold).min(), let greatest = searches.map(\.threshold).max() else {
      return nil
    }
    let weights = grouped(searches.reduce(0) { $0 + $1.count })
    let range =
      greatest - least < 0.1
      ? deviations(least) : "\(deviations(least)) to \(deviations(greatest))"
    return
      "All rows together were searched for one wrong weight: \(weights) weights of \(counted(searches.count, "product")), "
      + "flagged beyond \(range) standard deviations, which chance does in one verdict of "
      + "\(grouped(Int((1 / EvidenceLevel.falseAlarms).rounded())))."
  }

  private func deviations(_ value: Double) -> String {
    value < 1000 ? "\((10 * value).rounded() / 10)" : "1,000 and more"
  }
}
