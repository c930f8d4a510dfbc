import Testing
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// Whether so many elements beyond a tight policy may be what rounded steps move.
@Suite struct StepStatisticsTests {
  private static let shape = [16, 64]

  private static func statistics(_ value: (Int) -> Double) -> StepStatistics {
    let count = shape[0] * shape[1]
    return StepStatistics(
      Tensor((0..<count).map(value), shape: shape), stepped: [], isJudged: { _ in true },
      isBeyond: { _, _ in false })
  }

  private static func moved(_ isMoved: (_ token: Int, _ column: Int) -> Bool) -> [Bool] {
    (0..<shape[0] * shape[1]).map { isMoved($0 / shape[1], $0 % shape[1]) }
  }

  @Test(.clause("BND-34"), arguments: [(0.0, false), (0.02, false), (0.1, false), (0.14, true), (0.4, true)])
  func stepsMoveManyElements(share: Double, isSteps: Bool) {
    var random = SplitMix64(seed: 5)
    let moved = (0..<1024).map { _ in Double.random(in: 0..<1, using: &random) < share }
    let statistics = Self.statistics { 1 + Double($0) / 1024 }
    #expect(statistics.mayBeSteps(moved, among: 50) == isSteps, "seed 5")
  }

  /// Of few elements none may have moved by chance, and equal ones are rounded alike.
  @Test(.clause("BND-34")) func fewDifferentResultsSayNothing() {
    let one = Self.moved { $0 == 7 && $1 == 30 }
    #expect(!Self.statistics { 1 + Double($0) / 1024 }.mayBeSteps(one, among: 50))
    #expect(Self.statistics { 1 + Double($0 % 50) / 1024 }.mayBeSteps(one, among: 50))
  }

  @Test(.clause("BND-34")) func otherKernelsMayComputeOneEnd() {
    let statistics = Self.statistics { 1 + Double($0) / 1024 }
    func mayBe(_ isMoved: (Int, Int) -> Bool) -> Bool {
      statistics.mayBeSteps(Self.moved(isMoved), among: 50)
    }
    #expect(mayBe { token, column in column >= 62 && (token + column) % 3 == 0 })
    #expect(mayBe { token, column in token == 0 && column % 4 == 1 })
    #expect(mayBe { token, column in token == 15 && column % 4 == 1 })
    #expect(!mayBe { token, column in token == 7 && column % 4 == 1 })
    #expect(!mayBe { token, column in column == 30 && token % 3 == 0 })
    #expect(!mayBe { token, column in token == 15 && column == 3 })
  }

  /// Where steps move next to nothing, that nothing moved is no sign of rounding once.
  @Test(.clause("BND-34")) func whatStepsMoveIsAskedOfTheOperation() {
    let want = Tensor((0..<1024).map { 1 + Double($0) / 1024 }, shape: Self.shape)
    func statistics(every: Int, bound: Double = 0x1p-8) -> StepStatistics {
      let stepped = want.values.enumerated().map { $0 % every == 0 ? $1 + 0x1p-6 : $1 }
      return StepStatistics(want, stepped: [Tensor(stepped, shape: Self.shape)], isJudged: { _ in true }) {
        abs($1 - want.values[$0]) > bound
      }
    }
    let few = Self.moved { token, column in token % 2 == 1 && column == 30 }
    #expect(statistics(every: 300).mayBeSteps(few, among: 50))
    #expect(!statistics(every: 2).mayBeSteps(few, among: 50))
    // Nor where the policy itself knows results no better than a step moves them, as those of far positions.
    #expect(statistics(every: 2, bound: 0x1p-5).mayBeSteps(few, among: 50))
  }
}
