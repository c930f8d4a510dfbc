import Foundation
import Testing
import TouchstoneModel
import TouchstoneProperties
import TouchstoneReference
import TouchstoneTestSupport

/// Chapter 10 on generated rows of logits.
@Suite struct SamplingPropertyTests {
  private func kept(_ row: Row, topK: Int? = nil, topP: Double? = nil) throws -> Set<Int> {
    let options = try SamplingOptions(
      temperature: row.temperature, topK: topK, topP: topP, allowAnyTemperature: true)
    let p = nextTokenDistribution(row.values, options: options)
    return Set(p.indices.filter { p[$0] > 0 })
  }

  @Test(.clause("SAM-1", "SAM-2", "SAM-16"))
  func temperature0TakesTheFirstOfTheGreatestWithoutChance() {
    expectHolds("greedy", of: Row.self) { row in
      let greatest = row.values.max() ?? 0
      let want = row.values.firstIndex(of: greatest)
      for seed in [0, 1, row.values.count] {
        var sampler = Sampler(options: try SamplingOptions(temperature: 0), seed: UInt64(seed))
        let got = try sampler.next(row.values)
        if got != want { return "takes \(got), not \(want ?? -1)" }
      }
      return nil
    }
  }

  @Test(.clause("SAM-4", "SAM-5", "SAM-10"))
  func topKKeepsTheGreatestWithTiesAndItsSetsNest() {
    expectHolds("top-k", of: Row.self) { row in
      // Whole numbers below 700 apart at temperature 1, so that what is kept has a probability above 0.
      let whole = Row(
        values: row.values.map { ($0.isFinite ? max(-300, min(300, $0)) : -300).rounded() }, temperature: 1)
      var before: Set<Int> = []
      for k in 1...whole.values.count + 1 {
        let kept = try kept(whole, topK: k)
        let threshold = k <= whole.values.count ? whole.values.sorted(by: >)[k - 1] : -.infinity
        let want = Set(whole.values.indices.filter { whole.values[$0] >= threshold })
        if kept != want { return "top-\(k) keeps \(kept.sorted()), not \(want.sorted())" }
        if !before.isSubset(of: kept) { return "top-\(k) loses \(before.subtracting(kept).sorted())" }
        before = kept
      }
      return nil
    }
  }

  @Test(.clause("SAM-6", "SAM-7", "SAM-10"))
  func topPKeepsTheCrossingTokenNoMoreAndItsSetsNest() {
    expectHolds("top-p", of: Row.self) { row in
      let full = nextTokenDistribution(
        row.values, options: try SamplingOptions(temperature: row.temperature, allowAnyTemperature: true))
      var before: Set<Int> = []
      for p in [1e-9, 0.1, 0.3, 0.5, 0.8, 0.95, 0.999] {
        let kept = try kept(row, topP: p)
        let sum = kept.reduce(0) { $0 + full[$1] }
        let least = kept.map { full[$0] }.min() ?? 0
        guard !kept.isEmpty else { return "top-p \(p) keeps nothing" }
        guard sum >= p - 1e-12 else { return "top-p \(p) keeps \(sum)" }
        guard kept.count == 1 || sum - least <= p + 1e-12 else {
          return "top-p \(p) keeps \(sum), \(least) too much"
        }
        let greatestLeft = full.indices.filter { !kept.contains($0) }.map { full[$0] }.max() ?? 0
        guard greatestLeft <= least else { return "top-p \(p) keeps \(least) and drops \(greatestLeft)" }
        guard before.isSubset(of: kept) else {
          return "top-p \(p) loses \(before.subtracting(kept).sorted())"
        }
        before = kept
      }
      let all = nextTokenDistribution(
        row.values,
        options: try SamplingOptions(temperature: row.temperature, topP: 1, allowAnyTemperature: true))
      return all == full ? nil : "top-p 1 changes the distribution"
    }
  }

  @Test(.clause("SAM-9", "SAM-11"))
  func keptTokensKeepTheirProportions() {
    expectHolds("rescaling", of: Row.self) { row in
      let options = try SamplingOptions(
        temperature: row.temperature, topK: 5, topP: 0.9, allowAnyTemperature: true)
      let full = softmax(row.values, temperature: row.temperature)
      let p = nextTokenDistribution(row.values, options: options)
      let share = zip(full, p).filter { $0.1 > 0 }.reduce(0) { $0 + $1.0 }
      for (before, after) in zip(full, p) where after > 0 && !(abs(after * share - before) <= 1e-12 * before)
      {
        return "\(before) of \(share) becomes \(after)"
      }
      return abs(p.reduce(0, +) - 1) <= 1e-13 ? nil : "the sum is \(p.reduce(0, +))"
    }
  }

  @Test(.clause("SAM-8"), arguments: 2...9)
  func ofEqualProbabilitiesTopPRemovesTheLowerIDsFirst(count: Int) throws {
    let equal = Row(values: [Double](repeating: 1.5, count: count), temperature: 1)
    let kept = try kept(equal, topP: 0.45)
    let want = max(1, Int((0.45 * Double(count)).rounded(.up)))
    #expect(kept == Set(count - want..<count))
  }

  @Test(.clause("SAM-14", "SAM-18"))
  func theTokenIsTheFirstWhoseCumulativeProbabilityExceedsTheUniformNumber() {
    expectHolds("inversion", of: Row.self) { row in
      let options = try SamplingOptions(temperature: row.temperature, topK: 7, allowAnyTemperature: true)
      let p = nextTokenDistribution(row.values, options: options)
      var (sampler, generator) = (Sampler(options: options, seed: 11), SplitMix64(seed: 11))
      for draw in 0..<20 {
        let uniform = generator.nextUniform()
        let cumulative = p.indices.map { p[...$0].reduce(0, +) }
        let want = cumulative.firstIndex { uniform < $0 } ?? p.lastIndex { $0 > 0 }
        let got = try sampler.next(row.values)
        if got != want { return "draw \(draw) with \(uniform) gives \(got), not \(want ?? -1)" }
        if p[got] == 0 { return "draw \(draw) gives a removed token" }
      }
      return nil
    }
  }

  /// u = 0 and the greatest u, at both ends of a row that is cut at both ends.
  @Test(.clause("SAM-18", "SAM-13"))
  func removedTokensAtEitherEndAreNeverDrawn() throws {
    let logits = [-1.0, 5, 4, -1]
    var sampler = Sampler(options: try SamplingOptions(topK: 2), seed: 0)
    let drawn = try Set((0..<2000).map { _ in try sampler.next(logits) })
    #expect(drawn == [1, 2])
    var generator = SplitMix64(seed: 0)
    let uniforms = (0..<2000).map { _ in generator.nextUniform() }
    #expect(uniforms.allSatisfy { $0 >= 0 && $0 < 1 && ($0 * 0x1p53).rounded() == $0 * 0x1p53 })
  }

  @Test(.clause("SAM-15"))
  func equalSeedsGiveEqualTokens() {
    expectHolds("reproducibility", of: Row.self, cases: 50) { row in
      let options = try SamplingOptions(temperature: row.temperature, allowAnyTemperature: true)
      func draws(_ seed: UInt64) throws -> [Int] {
        var sampler = Sampler(options: options, seed: seed)
        return try (0..<16).map { _ in try sampler.next(row.values) }
      }
      return try draws(3) == draws(3) ? nil : "two runs differ"
    }
  }

  /// Pearson's test with as many degrees of freedom as probable tokens, less one; the quantiles are those of 1 − 10⁻⁶.
  @Test(.clause("SAM-19"), arguments: [1, 2, 3, 4] as [UInt64])
  func frequenciesAreProbabilities(seed: UInt64) throws {
    let logits = [0.3, -1, 2, 0, 1.1, -0.4]
    let options = try SamplingOptions(temperature: 0.8)
    let p = nextTokenDistribution(logits, options: options)
    let count = 20_000
    var observed = [Int](repeating: 0, count: p.count)
    var sampler = Sampler(options: options, seed: seed)
    for _ in 0..<count { observed[try sampler.next(logits)] += 1 }
    let statistic = zip(observed, p).reduce(0) { sum, pair in
      let expected = Double(count) * pair.1
      return sum + (Double(pair.0) - expected) * (Double(pair.0) - expected) / expected
    }
    #expect(statistic <= 35.89, "χ² of five degrees of freedom")
    #expect(statistic >= 0.02, "frequencies that are too good are no chance")
  }
}
