import Testing
import TouchstoneModel

@Suite struct DeviationTests {
  private func measure(_ actual: [Double], _ expected: [Double]) -> Double {
    deviation(Tensor(actual, shape: [actual.count]), from: Tensor(expected, shape: [expected.count]))
  }

  @Test func aDifferenceIsMeasuredAgainstTheGreatestMagnitude() {
    #expect(measure([1, -8, 2.5], [1, -8, 2]) == 0.5 / 8)
    #expect(measure([-.infinity, 1], [-.infinity, 1]) == 0)
    #expect(measure([0, 0], [0, 0]) == 0)
  }

  private static let incomparable: [([Double], [Double])] = [
    ([.nan], [1]), ([1], [.nan]), ([.nan], [.nan]), ([.infinity], [1]), ([1], [-.infinity]),
    ([.infinity], [-.infinity]), ([1, 1], [1]), ([0.5], [0]),
  ]

  @Test(arguments: incomparable)
  func whatCannotBeComparedNeverPasses(actual: [Double], expected: [Double]) {
    #expect(!(measure(actual, expected) <= 1e-12))
  }
}
