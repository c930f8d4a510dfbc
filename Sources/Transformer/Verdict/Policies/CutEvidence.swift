import Foundation
import TouchstoneGraph
import TouchstoneModel

/// What the errors of a whole operation say of how its results were stored: cut, where they should be rounded to nearest.
///
/// An element says something where its error is more than that of computing it. Rounded to nearest, about half of those
/// lie to either side of what is exact; cut towards zero, all lie on the side of zero and within one unit in the last
/// place. Which side it is depends on the significand alone, so that of significands which are equal to an eighth of a unit one counts.
/// A function may itself lie to one side of numbers of its type, as `c tanh(x / c)` lies just beneath `x`: to nearest then moves
/// one way too, and never by more than half a unit, which cutting does to about half of the values.
package struct CutEvidence: Sendable, Equatable {
  /// Where every value is moved to.
  package enum Direction: String, Sendable, CaseIterable {
    case zero = "towards zero"
    case down = "downwards"
    case up = "upwards"
    case away = "away from zero"
  }

  package let direction: Direction
  /// How many elements say something.
  package let count: Int
  /// How many of them lie on the other side, or further away.
  package let exceptions: Int
  package let type: ScalarType

  /// The greatest probability, over all operations of a capture, that values which are rounded to nearest are taken for
  /// cut ones.
  static let falseAlarms = 1e-6

  /// Gathers the errors of one operation.
  struct Search {
    private let type: ScalarType
    /// log₂ of how improbable the signs have to be.
    private let bits: Double
    private var seen: Set<Int> = []
    private var exceptions = [Int](repeating: 0, count: Direction.allCases.count)
    /// How many are half a unit away or more, as the nearest number of the type is at a tie alone.
    private var beyondNearest = 0

    private static let fewestUnits = 8.0
    /// Of values that are cut about half are.
    private static let fewestBeyondNearest = 0.125

    /// - Parameter operationCount: how many operations of the capture are looked at in the same way.
    init(type: ScalarType, operationCount: Int) {
      self.type = type
      bits = log2(Double(Direction.allCases.count * max(1, operationCount)) / CutEvidence.falseAlarms)
    }

    /// Adds elements, and what each should be before it is stored.
    mutating func add(_ got: [Double], _ want: Estimate, _ isJudged: (Int) -> Bool) {
      for (offset, actual) in got.enumerated() where isJudged(offset) {
        let (exact, bound) = (want.values.values[offset], want.bounds[offset].stat)
        let error = actual - exact
        let spacing = exact.isFinite ? type.spacing(around: exact) : 0
        // What is computed to no better than a quarter of a unit says little of how it was stored.
        guard actual.isFinite, exact.isFinite, abs(error) > bound, bound <= spacing / 4 else { continue }
        // Among numbers of few units, small ones are more frequent than large ones, and all below half a unit become 0.
        guard abs(exact) >= Self.fewestUnits * spacing else { continue }
        // Significands to an eighth of a unit: results that are nearer than that, as those of rows that are nearly alike, are
        // rounded alike.
        guard seen.insert(Int((8 * abs(exact) / spacing).rounded())).inserted else { continue }
        if abs(error) >= spacing / 2 { beyondNearest += 1 }
        let isNear = abs(error) <= spacing + bound
        for (index, direction) in Direction.allCases.enumerated() {
          let isExplained =
            switch direction {
            case .zero: error * exact < 0
            case .down: error < 0
            case .up: error > 0
            case .away: error * exact > 0
            }
          if !(isNear && isExplained) { exceptions[index] += 1 }
        }
      }
    }

    /// What they show; nil where rounding to nearest may show it too.
    var found: CutEvidence? {
      let count = seen.count
      guard let index = exceptions.indices.min(by: { exceptions[$0] < exceptions[$1] }) else { return nil }
      let share = Double(exceptions[index]) / Double(max(1, count))
      // P(at most that many of n on one side) ≤ 2^−n(1 − H(share)), H the entropy in bits (Hoeffding 1963, Th. 1).
      let entropy = share == 0 ? 0 : -share * log2(share) - (1 - share) * log2(1 - share)
      guard share <= 0.05, Double(count) * (1 - entropy) >= bits,
        Double(beyondNearest) >= Self.fewestBeyondNearest * Double(count)
      else { return nil }
      return CutEvidence(
        direction: Direction.allCases[index], count: count, exceptions: exceptions[index], type: type)
    }
  }
}
