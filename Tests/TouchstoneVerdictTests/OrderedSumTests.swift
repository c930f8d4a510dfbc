import Testing
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// Sums whose terms stand in an order that is not generic.
@Suite struct OrderedSumTests {
  /// What comes early is taken away again by what comes late, as where the keys of a sound are attended to in their order.
  @Test(.clause("BND-3"), arguments: [300, 1500])
  func aSumInTheOrderOfItsTermsIsWithinStat(_ count: Int) {
    let rounding = Rounding(.float32)
    var random = SplitMix64(seed: 0x0DE4)
    var greatest = 0.0
    for _ in 0..<200 {
      let terms = (0..<count).map { place -> Float in
        let isLoud = place < count / 10 || place >= count - count / 10
        let size = Float.random(in: 0...1, using: &random) * (isLoud ? 3e-3 : 3e-6)
        return place < count / 2 ? size : -size
      }
      var known = rounding.terms(terms.map(Double.init))
      var sum = 0.0
      for term in terms {
        sum += Double(term)
        known.ordered += sum * sum
      }
      let error = abs(Double(terms.reduce(0, +)) - known.sum)
      let bound = rounding.ofSum(known)
      #expect(error <= bound.stat, "\(error) away, where stat is \(bound.stat)")
      greatest = max(greatest, error / bound.stat)
    }
    #expect(greatest > 0.03, "a bound that says nothing: at most \(greatest) of it")
  }
}
