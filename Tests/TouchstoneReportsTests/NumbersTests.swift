import Testing
import TouchstoneVerdict

@testable import TouchstoneReports

@Suite struct NumbersTests {
  @Test(
    arguments: [
      (0, "exact"), (1e-9, "<1 %"), (0.006, "1 %"), (0.834, "83 %"), (0.999, "99 %"), (1, "100 %"),
      (1.0004, "1.000x"), (1.049, "1.049x"),
      (1.05, "1.1x"), (9.94, "9.9x"), (9.96, "10x"), (41.2, "41x"), (2690.1, "2,690x"),
      (999_999_999, "999,999,999x"),
      (3e12, "3.0e+12x"), (.infinity, "∞"), (.nan, "–"),
    ] as [(Double, String)])
  func ratiosAreShort(ratio: Double, text: String) {
    #expect(ratioText(ratio) == text)
  }

  @Test func valuesAreWrittenWithAsManyDigitsAsTellThemApart() {
    #expect(distinguished(1.5127, 1.5119) == ("1.5127", "1.5119"))
    #expect(distinguished(1, 1 + 1e-9) == ("1", "1.000000001"))
    #expect(distinguished(2, 2) == ("2", "2"))
    #expect(distinguished(.nan, 1e-30) == ("NaN", "1e-30"))
    #expect(distinguished(-.infinity, .infinity) == ("-inf", "inf"))
  }

  @Test(arguments: [
    ([3], "layer 003"), ([0, 1, 2], "layers 000–002"), ([5, 0, 1, 2, 2], "layers 000–002, 005"),
    ([1, 3], "layers 001, 003"), ([999, 1000], "layers 999–1000"),
  ])
  func layersAreWrittenAsRanges(layers: [Int], text: String) {
    #expect(layersText(layers) == text)
  }

  @Test(arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-1000, "-1,000")])
  func thousandsAreSetApart(number: Int, text: String) {
    #expect(grouped(number) == text)
  }
}
