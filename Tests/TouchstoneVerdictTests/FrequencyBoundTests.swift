import Foundation
import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// How well an implementation can know a frequency: the formulas of the clause, for every way to stretch.
@Suite struct FrequencyBoundTests {
  private static let theta = 500.0
  private static let pairs = 4

  /// ln θ^(2p/r) + 3p + 5.
  private func power(_ pair: Int, base: Double = theta) -> Double {
    log(base) * Double(pair) / Double(Self.pairs) + 3 * Double(pair) + 5
  }

  private func expect(
    _ scaling: RotaryFrequencies.Scaling, length: Int = 1, _ formula: (Int) -> Double,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let frequencies = RotaryFrequencies(theta: Self.theta, scaling: scaling)
    let found = frequencies.roundings(pairs: Self.pairs, sequenceLength: length)
    #expect(found.count == Self.pairs)
    for (pair, found) in found.enumerated() {
      let want = formula(pair)
      #expect(
        abs(found / want - 1) < 1e-12, "pair \(pair): \(found), not \(want)", sourceLocation: sourceLocation)
    }
  }

  @Test(.clause("BND-24")) func aPowerErrsByItsLogarithmAndADivisionByTwoMore() {
    let factors = [1.0, 2, 3, 4]
    expect(.none) { power($0) }
    expect(.linear(factor: 4)) { power($0) + 2 }
    expect(.longrope(short: factors, long: factors, original: 8)) { power($0) + 2 }
    expect(.proportional(factor: 4, turning: 2)) { power($0) + 2 }
  }

  /// What grows is s·L/M less s − 1, whose errors are those of both.
  @Test(.clause("BND-24"), arguments: [(200, 12.5), (20, 4.0)])
  func aBaseThatGrowsErrsByItsGrowth(_ length: Int, _ stretched: Double) {
    let growth = stretched - 3
    let base = Self.theta * pow(growth, 8.0 / 6)
    expect(.dynamic(factor: 4, positions: 64), length: length) { pair in
      power(pair, base: base) + (8 * (stretched + 4) / growth + 8) * Double(pair) / Double(Self.pairs)
    }
  }

  /// The relative error of g·ω + (1 − g)·ω/s where that of g is `error`.
  private func blend(_ share: Double, _ error: Double, _ factor: Double) -> Double {
    (0...1).contains(share) ? error * (1 - 1 / factor) / (share + (1 - share) / factor) : 0
  }

  @Test(.clause("BND-24")) func llama3PassesOnTheErrorOfItsShare() {
    var inside = 0
    expect(.llama3(factor: 8, low: 1, high: 4, original: 256)) { pair in
      let turns = 256 * pow(Self.theta, -Double(pair) / 4) / (2 * .pi)
      let share = (turns - 1) / 3
      if (0...1).contains(share) { inside += 1 }
      return power(pair) + 4 + blend(share, (turns * (power(pair) + 4) + 3 * (turns + 1)) / 3, 8)
    }
    #expect(inside == 1)
  }

  @Test(.clause("BND-24")) func yarnPassesOnTheErrorOfItsRamp() {
    func corner(_ turns: Double) -> Double { 8 * log(4096 / (turns * 2 * .pi)) / (2 * log(Self.theta)) }
    let (low, high) = (corner(32), corner(1))
    var inside = 0
    expect(.yarn(factor: 4, fast: 32, slow: 1, original: 4096, truncates: false)) { pair in
      let share = 1 - (Double(pair) - low) / (high - low)
      if (0...1).contains(share) { inside += 1 }
      return power(pair) + 4 + blend(share, 3 * (Double(pair) + low + high) / (high - low), 4)
    }
    #expect(inside == 2)
  }
}
