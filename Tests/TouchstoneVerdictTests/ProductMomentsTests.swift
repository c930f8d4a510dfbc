import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// The judge's own product beside the definition's.
@Suite struct ProductMomentsTests {
  private static let rounding = Rounding(.float32)

  private func random(_ shape: [Int], seed: UInt64) -> Tensor<Double> {
    var random = SplitMix64(seed: seed)
    let values = (0..<shape.reduce(1, *)).map { _ in
      let value = Double(Float(Double(random.next() >> 11) * 0x1p-52 - 1))
      return abs(value) < 0.1 ? 0 : value
    }
    return Tensor(values, shape: shape)
  }

  /// Widths around the eight columns of a strip and the 128 of a group.
  @Test(.clause("NUM-5"), arguments: [1, 7, 8, 9, 127, 128, 129, 300])
  func sumsAreTheDefinitionsToTheBit(_ columns: Int) {
    let x = random([5, 37], seed: 1)
    let weight = random([37, columns], seed: 2)
    let bias = random([columns], seed: 3)
    let moments = ProductMoments(
      x, MatrixView(StoredTensor(weight)), startingFrom: bias.values, rounding: Self.rounding)
    #expect(moments.sums == Definition.linear(x, weight: weight, bias: bias).values)
    let table = random([columns, 37], seed: 4)
    let logits = ProductMoments(x, MatrixView(transposing: StoredTensor(table)), rounding: Self.rounding)
    #expect(logits.sums == Definition.linear(x, rowsOf: table).values)
  }

  @Test func momentsAreThoseOfTheTerms() {
    let (x, weight) = (random([3, 20], seed: 5), random([20, 31], seed: 6))
    let columns = ParameterView.Selection(parts: 31, take: 4..<25)
    let view = MatrixView(
      StoredTensor(weight), ParameterView(Parameter("matrix", weight.shape), .inputsFirst, columns))
    let moments = ProductMoments(x, view, rounding: Self.rounding)
    for row in 0..<3 {
      for column in 0..<21 {
        let products = (0..<20).map { x[row, $0] * weight[$0, column + 4] }
        let terms = moments.terms(row: row, column: column, sum: 0, bias: 0)
        #expect(terms.count == Double(products.count { $0 != 0 }))
        #expect(terms.absolute == products.reduce(0) { $0 + abs($1) })
        #expect(terms.squares == products.reduce(0) { $0 + $1 * $1 })
      }
    }
    let inView = (0..<20).flatMap { row in (4..<25).map { abs(weight[row, $0]) } }
    #expect(moments.greatestWeight == inView.max())
  }
}
