/// How much was searched for one wrong weight that only all rows together show (NUM-13).
public struct SearchedWeights: Sendable, Equatable {
  /// How many weights.
  public let count: Int
  /// The standard deviations that flag the median of them (NUM-15).
  public let threshold: Double

  package init(count: Int, threshold: Double) {
    self.count = count
    self.threshold = threshold
  }
}

extension [Finding] {
  /// What all elements together were searched for; nil where there was no product to search.
  var searchRemark: Note? {
    let searches = compactMap(\.searched)
    guard let least = searches.map(\.threshold).min(), let greatest = searches.map(\.threshold).max() else {
      return nil
    }
    return .searched(
      weights: searches.reduce(0) { $0 + $1.count }, products: searches.count, least: least,
      greatest: greatest)
  }
}
