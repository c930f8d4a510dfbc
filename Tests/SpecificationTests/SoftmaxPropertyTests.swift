import Foundation
import Testing
import TouchstoneModel
import TouchstoneProperties
import TouchstoneReference
import TouchstoneTestSupport

/// Chapter 9 on the reference's softmax of one row.
@Suite struct SoftmaxPropertyTests {
  static let roundoff = 0x1p-53

  private func atTemperature(_ row: Row, _ temperature: Double) -> [Double] {
    softmax(Tensor(row.values, shape: [1, row.values.count]), temperature: temperature).values
  }

  private func entropy(_ probabilities: [Double]) -> Double {
    -probabilities.reduce(0) { $0 + ($1 > 0 ? $1 * log($1) : 0) }
  }

  @Test(.clause("SMX-2", "SMX-3"))
  func probabilitiesLieBetween0And1AndSumTo1() {
    expectHolds("a distribution", of: Row.self) { row in
      let p = softmax(row.values)
      guard p.allSatisfy({ $0 >= 0 && $0 <= 1 }) else { return "the probabilities are \(p)" }
      let error = abs(p.reduce(0, +) - 1)
      return error <= Double(2 * p.count + 4) * Self.roundoff ? nil : "the sum misses 1 by \(error)"
    }
  }

  @Test(.clause("SMX-4"))
  func anExactShiftChangesNoBit() {
    expectHolds("shift invariance", of: Row.self) { row in
      // Whole numbers stay exact when a whole number is added.
      let whole = row.values.map { $0.rounded() }
      for shift in [1.0, -1000, 4096] where softmax(whole.map { $0 + shift }) != softmax(whole) {
        return "a shift by \(shift) gives \(softmax(whole.map { $0 + shift })), not \(softmax(whole))"
      }
      return nil
    }
  }

  @Test(.clause("SMX-5"))
  func orderIsKept() {
    expectHolds("order", of: Row.self) { row in
      let p = softmax(row.values)
      for (i, x) in row.values.enumerated() {
        for (j, y) in row.values.enumerated() {
          if x == y, p[i] != p[j] { return "equal entries have \(p[i]) and \(p[j])" }
          if x > y, p[i] < p[j] * (1 - 8 * Self.roundoff) { return "\(x) has \(p[i]), \(y) has \(p[j])" }
        }
      }
      return nil
    }
  }

  @Test(.clause("SMX-6"))
  func permutingEntriesPermutesProbabilities() {
    expectHolds("permutation", of: Row.self) { row in
      let (p, reversed) = (softmax(row.values), softmax(row.values.reversed()).reversed())
      for (a, b) in zip(p, reversed) where !(abs(a - b) <= Double(p.count + 2) * 2 * Self.roundoff * a) {
        return "\(a) becomes \(b)"
      }
      return nil
    }
  }

  @Test(.clause("SMX-7", "SMX-8"))
  func equalEntriesShareEqually() {
    expectHolds("equal entries", of: Row.self) { row in
      let count = row.values.count
      let p = softmax([Double](repeating: row.values[0], count: count))
      return p == [Double](repeating: 1 / Double(count), count: count) ? nil : "the probabilities are \(p)"
    }
  }

  @Test(.clause("SMX-9", "SMX-14"), arguments: [1e4, 1e6, 1e300, .greatestFiniteMagnitude])
  func noFiniteRowOverflows(magnitude: Double) {
    expectHolds("finite", of: Row.self) { row in
      let values = row.values.filter(\.isFinite).map { $0.sign == .minus ? -magnitude : magnitude }
      let p = softmax(values)
      return p.allSatisfy { $0 >= 0 && $0 <= 1 } ? nil : "the probabilities are \(p)"
    }
  }

  @Test(.clause("SMX-10"))
  func entriesOfMinusInfinityHaveProbability0AndCountForNothing() {
    expectHolds("−∞ entries", of: Row.self) { row in
      let finite = row.values.filter(\.isFinite)
      let kept = softmax(row.values).enumerated().filter { row.values[$0.offset].isFinite }.map(\.element)
      for (x, p) in zip(row.values, softmax(row.values)) where x == -.infinity && p.bitPattern != 0 {
        return "−∞ has \(p)"
      }
      return kept == softmax(finite) ? nil : "\(kept) without the −∞ is \(softmax(finite))"
    }
  }

  @Test(
    .clause("SMX-11", "SMX-12"),
    arguments: [
      [-Double.infinity], [-.infinity, -.infinity], [.nan], [0, .nan], [.nan, 0], [.infinity],
      [0, .infinity, -1],
    ])
  func whatHasNoSoftmaxIsNaNThroughout(row: [Double]) {
    #expect(softmax(row).allSatisfy { $0.isNaN })
  }

  @Test(.clause("SMX-13"))
  func probabilitiesStandInTheRatioOfTheExponentials() {
    expectHolds("odds", of: Row.self) { row in
      let p = softmax(row.values)
      for i in p.indices where p[i] > 1e-290 && p[0] > 1e-290 {
        let (odds, want) = (log(p[i] / p[0]), row.values[i] - row.values[0])
        let tolerance = 16 * Self.roundoff * (1 + abs(row.values[i]) + abs(row.values[0]) + abs(want))
        if !(abs(odds - want) <= tolerance) { return "log odds of \(i) are \(odds), not \(want)" }
      }
      return nil
    }
  }

  @Test(.clause("SMX-14"))
  func smallProbabilitiesFadeThroughSubnormalsToZero() {
    let probabilities = stride(from: -700.0, through: -760, by: -1).map { softmax([0, $0])[1] }
    #expect(probabilities.contains { $0 > 0 && $0 < .leastNormalMagnitude })
    #expect(probabilities.last == 0)
    #expect(zip(probabilities, probabilities.dropFirst()).allSatisfy { $0 >= $1 && $1 >= 0 })
  }

  @Test(.clause("SMX-15"))
  func theTemperatureDividesTheLogits() {
    expectHolds("temperature", of: Row.self) { row in
      let divided = softmax(row.values.map { $0 / row.temperature })
      let size = row.values.filter(\.isFinite).map(abs).max() ?? 0
      let tolerance = 16 * Self.roundoff * (1 + size / row.temperature)
      for (p, want) in zip(atTemperature(row, row.temperature), divided)
      where !(abs(p - want) <= tolerance * want) {
        return "\(p) is not \(want), the softmax of the quotients"
      }
      return nil
    }
  }

  @Test(.clause("SMX-16"))
  func towardsTemperature0TheGreatestShareEverything() {
    expectHolds("cold", of: Row.self) { row in
      let whole = Row(values: row.values.map { $0.rounded() }, temperature: 1)
      let greatest = whole.values.max() ?? 0
      let share = 1 / Double(whole.values.count { $0 == greatest })
      let want = whole.values.map { $0 == greatest ? share : 0 }
      return atTemperature(whole, 1e-4) == want ? nil : "at 10⁻⁴ it is \(atTemperature(whole, 1e-4))"
    }
  }

  @Test(.clause("SMX-17"))
  func towardsInfiniteTemperatureAllAreEqual() {
    expectHolds("hot", of: Row.self) { row in
      let finite = Row(values: row.values.filter(\.isFinite), temperature: 1)
      let share = 1 / Double(finite.values.count)
      let p = atTemperature(finite, 1e12)
      return p.allSatisfy { abs($0 - share) <= 1e-7 * share } ? nil : "at 10¹² it is \(p)"
    }
  }

  @Test(.clause("SMX-18"))
  func entropyNeverFallsAsTheTemperatureRises() {
    expectHolds("entropy", of: Row.self) { row in
      let entropies = [0.1, 0.3, 1, 1.5, 2, 10, 1000].map { entropy(atTemperature(row, $0)) }
      let slack = Double(row.values.count) * 1e-13
      return zip(entropies, entropies.dropFirst()).allSatisfy { $0 <= $1 + slack }
        ? nil : "it goes \(entropies)"
    }
  }

  @Test(.clause("SMX-1"))
  func theFormulaHoldsWhereNothingOverflows() {
    expectHolds("formula", of: Row.self) { row in
      let values = row.values.map { max(-30, min(30, $0)) }
      let total = values.reduce(0) { $0 + exp($1) }
      for (x, p) in zip(values, softmax(values)) where !(abs(p - exp(x) / total) <= 200 * Self.roundoff * p) {
        return "\(x) has \(p), not \(exp(x) / total)"
      }
      return nil
    }
  }
}
