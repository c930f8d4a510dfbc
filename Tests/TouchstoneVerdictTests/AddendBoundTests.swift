import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// Sums of whole activations, as the residual stream is made of.
@Suite struct AddendBoundTests {
  @Test(.clause("BND-4")) func aSumOfTwoIsRoundedOnce() {
    let rounding = Rounding(.float32)
    let (left, right) = (Double(Float(0.1)), Double(Float(0.7)))
    let value = Tensor([left + right], shape: [1])
    let bound = rounding.ofAddition(
      value, Operand(values: Tensor([left], shape: [1])), Operand(values: Tensor([right], shape: [1])))[0]
    #expect(bound.zone(of: abs(Double(Float(left) + Float(right)) - (left + right))) == .consistent)
    #expect(bound.zone(of: 2 * 0x1p-24 * (left + right)) == .proven)
  }

  /// Two halves of a parallel block are added to each other, stored, and then added to the stream, which cancels them.
  @Test(.clause("BND-19"), arguments: [ScalarType.bfloat16, .float16])
  func aSumOfThreeMayBeStoredInBetween(_ type: ScalarType) {
    let rounding = Rounding(Precision(type))
    var random = SplitMix64(seed: 0x5A17)
    var greatest = 0.0
    for _ in 0..<200 {
      let halves = (0..<2).map { _ in type.rounded(Double.random(in: 1...2, using: &random)) }
      let terms = halves + [type.rounded(-1.01 * (halves[0] + halves[1]))]
      let sum = terms.reduce(0, +)
      let got = type.rounded(type.rounded(terms[0] + terms[1]) + terms[2])
      let bound = rounding.ofAddition(
        Tensor([sum], shape: [1]), terms.map { Operand(values: Tensor([$0], shape: [1])) })[0]
      #expect(rounding.stored(bound, sum, as: type).zone(of: abs(got - sum)) == .consistent, "\(terms)")
      greatest = max(greatest, abs(got - sum) / abs(sum))
    }
    #expect(greatest > 4 * type.unitRoundoff)
  }
}
