import Testing
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// Eight sums of products measured together beside each by itself.
@Suite struct TermStripTests {
  /// Factors of which some are 0, some small beside the others, and some of so few digits that their products are exact.
  private func factors(_ count: Int, seed: UInt64) -> [Double] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in
      let value = Double(random.next() >> 11) * 0x1p-52 - 1
      switch random.next() % 5 {
      case 0: return 0
      case 1: return Double(Float(value)) * 0x1p-30
      case 2: return (value * 16).rounded()
      case 3: return Double(Float(value))
      default: return value
      }
    }
  }

  @Test(.clause("BND-7", "BND-10"), arguments: [Precision.float32, Precision(.float64)], [1, 7, 64])
  func termsAreThoseOfEachSum(_ precision: Precision, _ count: Int) {
    let depth = 2 * count
    let rounding = Rounding(precision)
    let x = factors(count, seed: UInt64(count))
    let strip = factors(TermStrip.width * depth, seed: UInt64(count) + 1)
    let places = (0..<count).map { depth - 1 - 2 * $0 }
    let lanes = 8..<14
    let columns = TermStrip(depth: depth, lanes: lanes) { strip[TermStrip.width * $0 + $1 - 8] }
    for knowsExact in [false, true] {
      let found = columns.terms(x, at: places, knowsExact: knowsExact, rounding)
      for lane in 0..<lanes.count {
        let pairs = zip(x, places.map { strip[TermStrip.width * $0 + lane] })
        var due = Terms(count: 0, absolute: 0, squares: 0, sum: 3, repetition: 2)
        for (left, right) in pairs {
          due.add(product: left * right, isExact: knowsExact && rounding.isExactProduct(left, right))
        }
        let products = pairs.map { $0 * $1 }
        due.lost = rounding.lost(count, absolute: due.absolute) { products[$0] }
        var sum = 0.0
        for product in products {
          sum += product
          due.ordered += sum * sum
        }
        let terms = found.lane(lane, sum: 3, repetition: 2, isOrdered: true)
        #expect(found.lane(lane, sum: 3, repetition: 2).ordered == 0)
        #expect(terms.ordered == due.ordered, "lane \(lane)")
        #expect(terms.count == due.count && terms.absolute == due.absolute && terms.squares == due.squares)
        #expect(terms.exact == due.exact, "lane \(lane)")
        #expect(terms.lost == due.lost && terms.sum == 3 && terms.repetition == 2, "lane \(lane)")
      }
    }
  }

  /// Where nothing is granted for terms that are lost, none is.
  @Test func nothingIsLostWhereThatIsNotGranted() {
    var rounding = Rounding(.float32)
    let columns = TermStrip(depth: 2, lanes: 0..<1) { place, _ in place == 0 ? 1 : 0x1p-30 }
    func lost() -> Double {
      columns.terms([1, 1], at: [0, 1], knowsExact: false, rounding).lane(0, sum: 1, repetition: 1).lost
    }
    #expect(lost() > 0)
    rounding.grantsLostTerms = false
    #expect(lost() == 0)
  }
}
