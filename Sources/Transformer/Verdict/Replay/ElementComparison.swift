import TouchstoneModel

/// A capture's tensor against what the definition gives, element by element.
package struct ElementComparison {
  /// The highest zone that any element reached.
  package private(set) var zone = Zone.consistent
  /// The worst error over `stat`.
  package private(set) var ratio = 0.0
  /// Where the worst element of the highest zone stands in the tensor.
  private(set) var worst: Int?
  /// How many elements were compared.
  private(set) var comparedCount = 0
  /// The elements that are not finite, neither captured nor by the definition: nothing says whether they are right.
  private(set) var incomparable = Elements()
  /// The same among those that follow no definition; they count where nothing else was compared.
  private(set) var exempt = Elements()
  /// The elements that are infinite because what is due is beyond the greatest value.
  private(set) var overflowing = Elements()
  /// Said of the worst element where one of the two is not finite.
  private(set) var evidence: Evidence?
  private var worstRatio = -1.0

  /// Compares the elements that `isJudged` admits.
  ///
  /// - Parameters:
  ///   - greatest: the greatest finite value that the implementation can hold; beyond it ∞ is right.
  ///   - isExempt: elements of rows that follow no definition where they are not finite.
  package init(
    got: Tensor<Double>, want: Estimate, greatest: Double, isExempt: (Int) -> Bool = { _ in false },
    isJudged: (Int) -> Bool
  ) {
    for offset in got.values.indices where isJudged(offset) {
      let (actual, expected) = (got.values[offset], want.values.values[offset])
      switch (actual.isFinite, expected.isFinite) {
      case (true, true):
        let error = abs(actual - expected)
        let bound = want.bounds[offset]
        comparedCount += 1
        take(bound.zone(of: error), error == 0 ? 0 : error / bound.stat, at: offset)
      case (false, true):
        comparedCount += 1
        let overflows = actual.isInfinite && (actual < 0) == (expected < 0) && abs(expected) > greatest
        if overflows { overflowing.add(offset) } else { takeNonFinite(actual, expected, at: offset) }
      case (true, false):
        comparedCount += 1
        takeNonFinite(actual, expected, at: offset)
      case (false, false) where actual == expected:
        // An infinity handed on.
        comparedCount += 1
      case (false, false):
        if isExempt(offset) { exempt.add(offset) } else { incomparable.add(offset) }
      }
    }
    if comparedCount == 0, exempt.count > 0 { incomparable = exempt }
  }

  /// Some elements of a tensor.
  struct Elements: Sendable {
    /// How many.
    private(set) var count = 0
    /// The first of them.
    private(set) var first: Int?

    mutating func add(_ offset: Int) {
      count += 1
      first = first ?? offset
    }
  }

  private mutating func take(_ zone: Zone, _ ratio: Double, at offset: Int) {
    let ratio = ratio.isNaN ? .infinity : ratio
    self.ratio = max(self.ratio, ratio)
    guard (zone, ratio) > (self.zone, worstRatio) else { return }
    self.zone = zone
    worstRatio = ratio
    worst = offset
    evidence = nil
  }

  private mutating func takeNonFinite(_ actual: Double, _ expected: Double, at offset: Int) {
    let isFirst = ratio < .infinity || evidence == nil
    ratio = .infinity
    guard isFirst, zone < .proven else { return }
    zone = .fail
    worstRatio = .infinity
    worst = offset
    evidence = .finiteness(actual, due: expected)
  }
}
