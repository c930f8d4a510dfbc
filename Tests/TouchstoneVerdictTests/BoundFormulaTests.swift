import Foundation
import Testing
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// Every bound is the formula of its clause: neither narrower, nor wider by a factor or a term.
@Suite struct BoundFormulaTests {
  private let rounding = Rounding(.float32)
  private typealias Formula = BoundFormulas

  private func expect(_ got: Bound, _ want: Bound, _ comment: String) {
    let difference = Formula.difference(got, want)
    #expect(difference == nil, "\(comment): \(difference ?? "")")
  }

  /// Numbers without pattern or recurrence, of some size.
  private func values(_ count: Int, seed: UInt64, size: Double = 1) -> [Double] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in Double(Float.random(in: -1...1, using: &random)) * size }
  }

  @Test(.clause("BND-1", "BND-2", "BND-3"), arguments: [1, 2, 3, 4, 5, 16, 100, 1024, 5000], [1, 3])
  func aSumHasTheFormulasOfTheThreeAssumptions(_ count: Int, _ times: Int) {
    // Each value `times` times, as M sees it.
    let terms = Array(
      values(count, seed: UInt64(count)).map { [Double](repeating: $0, count: times) }.joined())
    expect(
      rounding.ofSum(rounding.terms(terms)), Formula.sum(terms, rounded: { _ in false }),
      "\(terms.count) plain terms")
    expect(rounding.ofSum(rounding.terms(ofProducts: terms)), Formula.sum(terms), "\(terms.count) products")
    // Every third needs no rounding.
    var mixed = Terms(count: 0, absolute: 0, squares: 0, sum: terms.reduce(0, +))
    for (index, term) in terms.enumerated() { mixed.add(product: term, isExact: index % 3 == 0) }
    mixed.repetition = Formula.recurrence(terms)
    expect(
      rounding.ofSum(mixed), Formula.sum(terms, rounded: { $0 % 3 != 0 }), "\(terms.count) terms, some exact")
  }

  /// Zeros are no terms, and nothing is lost by adding them.
  @Test(.clause("BND-1", "BND-2", "BND-3")) func zerosAreNoTerms() {
    let terms = values(12, seed: 3)
    let padded = Array(terms.map { [$0, 0, 0] }.joined())
    expect(rounding.ofSum(rounding.terms(padded)), rounding.ofSum(rounding.terms(terms)), "with zeros")
    #expect(rounding.ofSum(rounding.terms([0, 0])) == .zero)
  }

  /// Each kind of assumption is looked at where the other two do not cut it off.
  @Test(.clause("BND-2", "BND-3")) func theAssumptionsAreOfGrowingBoldness() {
    let bound = rounding.ofSum(rounding.terms(ofProducts: values(5000, seed: 1)))
    #expect(bound.stat < bound.prob / 2 && bound.prob < bound.det / 2)
  }

  @Test(.clause("BND-4")) func aTablesRowHasNoBoundAndASumOfTwoOneRounding() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let lookups = weights.graph.operations.filter(\.isEmbedding)
    #expect(lookups.count == 2)
    for operation in lookups {
      let estimate = rounding.estimate(operation, [], weights.operands(of: operation), inputs: inputs)
      #expect(estimate.bounds.allSatisfy { $0 == .zero })
    }
    for size in [1, 0x1p-110] {
      let (left, right) = (values(9, seed: 5, size: size), values(9, seed: 6, size: size))
      let sum = Tensor(zip(left, right).map(+), shape: [9])
      let bounds = rounding.ofAddition(
        sum, Operand(values: Tensor(left, shape: [9])), Operand(values: Tensor(right, shape: [9])))
      for (bound, y) in zip(bounds, sum.values) {
        expect(bound, Bound(Formula.u * abs(y) + Formula.flush), "a sum of size \(size)")
      }
    }
  }

  /// At sizes where the rounding is seen, and at those where each part of the flushing is.
  @Test(
    .clause("BND-5"), arguments: [(0.0, 0.0), (-100, -20), (90, -140), (-170, 60)], [true, false])
  func aProjectionIsOneSumOfItsProductsItsBiasAndTheStream(_ exponents: (Double, Double), _ hasStream: Bool) {
    let (rows, depth, columns) = (3, 11, 5)
    let (ofX, ofW) = (exp2(exponents.0), exp2(exponents.1))
    let x = Tensor(values(rows * depth, seed: 1, size: ofX), shape: [rows, depth])
    let w = Tensor(values(depth * columns, seed: 2, size: ofW), shape: [depth, columns])
    let bias = values(columns, seed: 3, size: ofX * ofW)
    let stream = Tensor(values(rows * columns, seed: 4, size: ofX * ofW), shape: [rows, columns])
    let estimate = rounding.ofProduct(
      Operand(values: x), MatrixView(StoredTensor(w.converted(to: Float.self))), weightRoundoff: 0,
      bias: bias,
      onto: hasStream ? Operand(values: stream) : nil)
    let matrix = w.converted(to: Float.self).converted(to: Double.self)
    let greatest = matrix.values.map(abs).max() ?? 0
    for row in 0..<rows {
      for column in 0..<columns {
        let products = (0..<depth).map { x[row, $0] * matrix[$0, column] }
        let terms = products + [bias[column]] + (hasStream ? [stream[row, column]] : [])
        let n = Double(terms.count { $0 != 0 })
        let ofX = x.row(row).map(abs).reduce(0, +)
        let lost = Formula.flush * (2 * n + ofX + n * greatest)
        let want = Formula.sum(terms, rounded: { $0 < depth }, recurrence: 1) + lost
        expect(estimate.bounds[row * columns + column], want, "[\(row), \(column)] at 2^\(exponents)")
        #expect(
          abs(estimate.values[row, column] - terms.reduce(0, +)) <= 1e-12 * terms.map(abs).reduce(0, +))
      }
    }
  }

  /// Ordinary rows, rows far from 0, and rows so small that flushing is what they err by.
  @Test(.clause("BND-6"), arguments: [0.0, 3, 40, -1], [true, false])
  func aLayerNormHasTheFormulaOfItsContract(_ mean: Double, _ allowsOnePass: Bool) {
    let rounding = Rounding(.float32, contract: allowsOnePass ? .standard : .strict)
    let isTiny = mean < 0
    let (size, epsilon) = isTiny ? (0x1p-110, 0x1p-180) : (1, 1e-5)
    let (count, rows) = (14, 3)
    for ofGain in isTiny ? [0x1p-20, 0x1p-90] : [1, 0x1p-9] {
      let x = values(count * rows, seed: 7, size: size).map { $0 + (isTiny ? 0 : mean) }
      let gain = values(count, seed: 8, size: ofGain)
      let shift = values(count, seed: 9, size: isTiny ? 0 : 1)
      let input = Tensor(x, shape: [rows, count])
      let value = Definition.layerNorm(input, gain: gain, shift: shift, epsilon: epsilon)
      let bounds = rounding.ofLayerNorm(
        value, Operand(values: input), gain: ParameterOperand(gain), shift: ParameterOperand(shift),
        epsilon: epsilon)
      for row in 0..<rows {
        let want = Formula.layerNorm(
          Array(input.row(row)), gain: gain, shift: shift, epsilon: epsilon, allowsOnePass: allowsOnePass)
        for column in 0..<count {
          expect(
            bounds[row * count + column], want[column], "[\(row), \(column)], mean \(mean), gain \(ofGain)")
        }
      }
    }
  }

  /// What is granted beyond correctly rounded operations, in the numbers of the clauses.
  @Test(.clause("NUM-6", "BND-2", "BND-6", "BND-8", "BND-11", "BND-25"))
  func theContractHasTheConstantsOfTheClauses() {
    for contract in [Contract.standard, .strict] {
      #expect(contract.deviations == 8)
      #expect(contract.exponential == 6)
      #expect(contract.tanh == 10)
      #expect(contract.erf == 20)
      #expect(contract.cosine == 4)
      #expect(contract.inverseRoot == 6)
    }
    #expect(Contract.standard.allowsOnePassVariance && !Contract.strict.allowsOnePassVariance)
    #expect(rounding.unit == Formula.u && rounding.underflow == Formula.flush && rounding.judgesFactor == 1)
    let double = Rounding(Precision(.float64))
    #expect(double.unit == 0x1p-53 && double.underflow == 0x1p-1022 && double.judgesFactor == 2)
  }
}
