import Foundation
import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

/// How fast pairs of columns turn.
@Suite struct FrequencyTests {
  private func values(
    _ scaling: RotaryFrequencies.Scaling, theta: Double = 10_000, pairs: Int = 4, length: Int = 1
  ) -> [Double] {
    RotaryFrequencies(theta: theta, scaling: scaling).values(pairs: pairs, sequenceLength: length)
  }

  private func expectClose(_ one: [Double], _ other: [Double]) {
    #expect(one.count == other.count)
    for (a, b) in zip(one, other) { #expect(abs(a - b) <= 1e-15 * abs(b) * 8) }
  }

  @Test(.clause("ROP-6")) func theyAreAGeometricSequence() {
    expectClose(values(.none), [1, 0.1, 0.01, 0.001])
  }

  @Test(.clause("ROP-7")) func linearDividesAll() {
    expectClose(values(.linear(factor: 4)), [0.25, 0.025, 0.0025, 0.00025])
  }

  @Test(.clause("ROP-8"), arguments: [1, 8]) func dynamicLeavesShortSequences(length: Int) {
    expectClose(values(.dynamic(factor: 2, positions: 8), length: length), values(.none))
  }

  @Test(.clause("ROP-8")) func dynamicStretchesTheBaseOfLongOnes() {
    // 2·16/8 − 1 = 3, to the power 8/6.
    let base = 10_000 * pow(3.0, 4.0 / 3)
    expectClose(values(.dynamic(factor: 2, positions: 8), length: 16), values(.none, theta: base))
  }

  @Test(.clause("ROP-9")) func llama3KeepsShortWavesAndStretchesLongOnes() {
    // Turns over 8192 positions: 1304, 130, 13, 1.3; with 1 and 4 only the last is between.
    let omega = 0.001
    let share = (8192 * omega / (2 * .pi) - 1) / 3
    expectClose(
      values(.llama3(factor: 8, low: 1, high: 4, original: 8192)),
      [1, 0.1, 0.01, (1 - share) * omega / 8 + share * omega])
    expectClose(
      values(.llama3(factor: 8, low: 1, high: 4, original: 40)), [1, 0.0125, 0.00125, 0.000125])
  }

  @Test(.clause("ROP-10")) func yarnRampsOverThePairs() {
    // Pairs turning 32 times and once over 4096 positions: 1.31 and 2.81, as whole numbers 1 and 3.
    expectClose(
      values(.yarn(factor: 4, fast: 32, slow: 1, original: 4096, truncates: true)),
      [1, 0.1, 0.01 * (0.5 + 0.5 / 4), 0.001 / 4])
    func pair(_ n: Double) -> Double { 8 * log(4096 / (n * 2 * .pi)) / (2 * log(10_000)) }
    let ramp = (2 - pair(32)) / (pair(1) - pair(32))
    expectClose(
      values(.yarn(factor: 4, fast: 32, slow: 1, original: 4096, truncates: false)),
      [1, 0.1, 0.01 * (1 - ramp) + 0.01 / 4 * ramp, 0.001 / 4])
  }

  /// Its end is held within the columns, not within the pairs: 2.62 and 5.63 with a base of 100, as whole numbers 2 and 6.
  @Test(.clause("ROP-10")) func yarnsRampMayEndBehindTheLastPair() {
    let omega = (0..<4).map { pow(100, -Double($0) / 4) }
    expectClose(
      values(.yarn(factor: 4, fast: 32, slow: 1, original: 4096, truncates: true), theta: 100),
      [omega[0], omega[1], omega[2], omega[3] * (0.75 + 0.25 / 4)])
    // Both ends behind the last column: nothing is stretched.
    expectClose(
      values(.yarn(factor: 4, fast: 32, slow: 1, original: 1_000_000, truncates: true), theta: 100), omega)
  }

  @Test(.clause("ROP-11"), arguments: [(8, [1, 0.05, 0.01, 0.001]), (9, [0.5, 0.025, 0.005, 0.0005])])
  func longropeChoosesByTheSequence(length: Int, expected: [Double]) {
    let scaling = RotaryFrequencies.Scaling.longrope(short: [1, 2, 1, 1], long: [2, 4, 2, 2], original: 8)
    expectClose(values(scaling, length: length), expected)
  }

  @Test(.clause("ROP-12")) func proportionalTurnsTheFirstPairs() {
    expectClose(values(.proportional(factor: 2, turning: 3)), [0.5, 0.05, 0.005, 0])
  }
}
