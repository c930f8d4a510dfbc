import Foundation
import TouchstoneModel

/// Whether the elements that leave a tight policy are as many as a rounding of some step would move.
///
/// A step that is rounded to the type at the scale of the result moves a quarter of the elements to the number beside, and fewer where it is
/// smaller. A fault moves few, or all by a little, so that few change.
///
/// Clauses: BND-34.
struct StepStatistics {
  /// What a rounded step moves where the operation does not say it itself.
  private static let usualShare = 0.25
  /// The greatest probability, over all operations of a capture, that rounded steps are taken for a fault.
  static let falseAlarms = 1e-6

  /// Which elements are judged, each with the number of equal results among them, which are rounded alike.
  private let weights: [Double]
  private let shape: [Int]
  /// The share that a rounded step moves.
  private let share: Double
  /// Half of that: what is less is too little, if chance does not make it so.
  var leastShare: Double { share / 2 }

  /// - Parameters:
  ///   - want: the results by the tight policy, before they are stored.
  ///   - stepped: what right programs give that round some steps.
  ///   - isJudged: which elements a rounded step could move.
  ///   - isBeyond: whether a result, once stored, lies beyond the tight policy: how well that knows it may be more than a step moves it.
  init(
    _ want: Tensor<Double>, stepped: [Tensor<Double>], isJudged: (Int) -> Bool,
    isBeyond: (_ place: Int, _ value: Double) -> Bool
  ) {
    shape = want.shape
    var counts: [Double: Double] = [:]
    for place in want.values.indices where isJudged(place) {
      counts[abs(want.values[place]), default: 0] += 1
    }
    weights = want.values.indices.map { place in
      isJudged(place) ? 1 / (counts[abs(want.values[place])] ?? 1) : 0
    }
    let own = weights
    let all = max(own.reduce(0, +), 1)
    share =
      stepped.map { values in
        values.values.indices.reduce(0) { sum, place in
          own[place] > 0 && isBeyond(place, values.values[place]) ? sum + own[place] : sum
        } / all
      }.min() ?? Self.usualShare
  }

  /// The judged elements of which a condition holds, equal results counted once.
  private func count(where holds: (Int) -> Bool) -> Double {
    weights.indices.reduce(0) { holds($1) ? $0 + weights[$1] : $0 }
  }

  /// Whether rounded steps may have moved as few as `moved` says.
  ///
  /// - Parameter operationCount: among how many operations that is asked.
  func mayBeSteps(_ moved: [Bool], among operationCount: Int) -> Bool {
    let (count, all) = (count { moved[$0] }, count { _ in true })
    let found = all > 0 ? count / all : 1
    guard found < leastShare else { return true }
    // P(so few of n) ≤ exp(−n·D), D the divergence of the two shares (Hoeffding 1963, Theorem 1).
    let due = 0.75 * share
    let divergence = (found > 0 ? found * log(found / due) : 0) + (1 - found) * log((1 - found) / (1 - due))
    return all * divergence < log(2 * Double(max(1, operationCount)) / Self.falseAlarms)
      || isAtOneEnd(moved)
  }

  /// Whether all that moved is in the first or last tokens or the last columns, less than half of them, and there moved as by steps:
  /// another kernel may have computed these.
  private func isAtOneEnd(_ moved: [Bool]) -> Bool {
    let width = shape.last ?? 1
    let tokenCount = max(1, shape.count > 1 ? shape[shape.count - 2] : 1)
    func token(_ place: Int) -> Int { place / width % tokenCount }
    func column(_ place: Int) -> Int { place / width / tokenCount * width + place % width }
    return [(token, isOfTokens: true), (column, isOfTokens: false)].contains { coordinate, isOfTokens in
      let places = moved.indices.filter { moved[$0] && weights[$0] > 0 }.map(coordinate)
      guard let first = places.min(), let last = places.max() else { return false }
      let end = (moved.indices.map(coordinate).max() ?? 0)
      return ([(first, end)] + (isOfTokens ? [(0, last)] : [])).contains { first, last in
        guard 2 * (last - first + 1) <= end + 1 else { return false }
        func isInside(_ place: Int) -> Bool { (first...last).contains(coordinate(place)) }
        return count { moved[$0] && isInside($0) } >= share / 4 * count(where: isInside)
      }
    }
  }
}
