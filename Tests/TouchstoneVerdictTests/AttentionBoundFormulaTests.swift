import Foundation
import Testing
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// The bounds of attention, of softmax, of GELU and of 16 bits are the formulas of their clauses.
@Suite struct AttentionBoundFormulaTests {
  private let rounding = Rounding(.float32)
  private typealias Formula = BoundFormulas

  private func expect(_ got: Bound, _ want: Bound, _ comment: String) {
    let difference = Formula.difference(got, want)
    #expect(difference == nil, "\(comment): \(difference ?? "")")
  }

  private func values(_ count: Int, seed: UInt64, size: Double = 1) -> [Double] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in Double(Float.random(in: -1...1, using: &random)) * size }
  }

  private func inputs(_ tokens: Int, width: Int, heads: Int, masked: Int? = nil) throws -> Inputs {
    try Inputs(
      tokenIDs: [Int](repeating: 0, count: tokens),
      attentionMask: masked.map { key in (0..<tokens).map { $0 != key } },
      configuration: Configuration(
        vocabularySize: 3, contextLength: tokens, width: width, layerCount: 1, headCount: heads))
  }

  /// At sizes where rounding is seen, and at those where the flushing of products, of queries and of keys is.
  @Test(.clause("BND-7"), arguments: [(0.0, 0.0), (-100, -28), (40, -160), (-160, 40)], [1.0, 0.25])
  func aScoreIsGrantedScalingBeforeOrAfterItsSum(_ exponents: (Double, Double), _ scale: Double) throws {
    let (heads, tokens, width) = (2, 4, 9)
    let inputs = try inputs(tokens, width: heads * width, heads: heads, masked: 1)
    let shape = [heads, tokens, width]
    let q = Tensor(values(72, seed: 1, size: exp2(exponents.0)), shape: shape)
    let k = Tensor(values(72, seed: 2, size: exp2(exponents.1)), shape: shape)
    let value = Definition.scores(query: q, key: k, scale: scale, inputs: inputs)
    let bounds = rounding.ofScores(
      value, query: Operand(values: q), key: Operand(values: k), scale: scale, inputs: inputs)
    for head in 0..<heads {
      for i in 0..<tokens {
        for j in 0...i where inputs.isVisible(key: j, from: i, under: .causal) {
          let terms = (0..<width).map { q[head, i, $0] * k[head, j, $0] }
          let (beta, size) = (Formula.sum(terms, recurrence: 1), terms.map(abs).reduce(0, +))
          let scaled = 2 * Formula.u * size
          let usual =
            8 * Formula.u * (2 * terms.map { $0 * $0 }.reduce(0, +) / 3).squareRoot()
          let factors =
            (0..<width).map { abs(q[head, i, $0]) + abs(k[head, j, $0]) }.reduce(0, +)
          let lost = (1 + scale) * Formula.flush * (2 * Double(width) + factors)
          let common = 3 * Formula.u * abs(value[head, i, j]) + lost
          let want = Bound(
            det: scale * (beta.det + scaled) + common, prob: scale * (beta.prob + scaled) + common,
            stat: scale * (beta.stat + min(scaled, usual)) + common)
          expect(bounds[(head * tokens + i) * tokens + j], want, "[\(head), \(i), \(j)] at 2^\(exponents)")
        }
      }
    }
  }

  /// (q·r)·(k·r) with r = float(1/√√d): five roundings where the sum has one term.
  @Test(.clause("BND-7")) func bothFactorsMayBeScaledByTheRoot() throws {
    let inputs = try inputs(1, width: 1, heads: 1)
    var random = SplitMix64(seed: 5)
    var worst = 0.0
    for _ in 0..<5000 {
      let (q, k) = (Float.random(in: 1...2, using: &random), Float.random(in: 1...2, using: &random))
      let scale = Double.random(in: 0.1...1, using: &random)
      let root = Float(scale.squareRoot())
      let got = Double((q * root) * (k * root))
      let value = Tensor([scale * Double(q) * Double(k)], shape: [1, 1, 1])
      let bound = rounding.ofScores(
        value, query: Operand(values: Tensor([Double(q)], shape: [1, 1, 1])),
        key: Operand(values: Tensor([Double(k)], shape: [1, 1, 1])), scale: scale, inputs: inputs)[0]
      worst = max(worst, abs(got - value.values[0]) / bound.det)
    }
    #expect(worst <= 1, "\(worst), seed 5")
  }

  @Test(.clause("BND-8"), arguments: [0.1, 1, 10, 300], [1, 2, 13])
  func aSoftmaxErrsByItsArgumentsItsExponentialsAndItsSum(_ size: Double, _ count: Int) {
    let z = values(count, seed: 3, size: size)
    let p = Definition.softmax(z)
    for division in [0, 2 * Formula.u] {
      let bounds = rounding.ofSoftmaxRow(scores: z, probabilities: p, distances: nil, division: division)
      for (index, want) in Formula.softmax(z, division: division).enumerated() {
        expect(bounds[index], want, "element \(index) of \(count) of size \(size)")
      }
    }
  }

  /// At a temperature the division is one more rounding of either argument; at 1 there is none.
  @Test(.clause("BND-8"), arguments: [1, 0.5, 0.7, 2]) func aTemperatureAddsTheRoundingOfItsDivision(
    _ temperature: Double
  ) {
    let logits = Tensor(values(21, seed: 4, size: 200), shape: [3, 7])
    let value = Definition.softmax(logits, temperature: temperature)
    let bounds = rounding.ofSoftmax(value, Operand(values: logits), temperature: temperature)
    for row in 0..<3 {
      let want = Formula.softmax(
        logits.row(row).map { $0 / temperature }, division: temperature == 1 ? 0 : 2 * Formula.u)
      for column in 0..<7 {
        expect(bounds[row * 7 + column], want[column], "[\(row), \(column)] at \(temperature)")
      }
    }
  }

  @Test(.clause("BND-8", "BND-9")) func visibleProbabilitiesAreBoundByRowsAndMaskedOnesByFlushes() throws {
    let (heads, tokens) = (2, 6)
    let inputs = try inputs(tokens, width: 2, heads: heads, masked: 2)
    let scores = Tensor(values(heads * tokens * tokens, seed: 5, size: 4), shape: [heads, tokens, tokens])
    let value = Definition.probabilities(scores, inputs: inputs)
    let bounds = rounding.ofMaskedSoftmax(value, Operand(values: scores), inputs: inputs)
    for row in 0..<heads * tokens {
      let visible = (0..<tokens).filter { inputs.isVisible(key: $0, from: row % tokens, under: .causal) }
      let want = Formula.softmax(visible.map { scores[row, $0] })
      for column in 0..<tokens {
        let bound = bounds[row * tokens + column]
        if let place = visible.firstIndex(of: column) {
          expect(bound, want[place], "[\(row), \(column)]")
        } else {
          #expect(bound == Bound(8 * Formula.flush), "[\(row), \(column)]")
        }
      }
    }
  }

  /// The quotient of the greatest probability and the least may be beyond float64.
  @Test(.clause("BND-10"), arguments: [0.0, 1]) func theBoundOfAContextIsFinite(_ value: Double) throws {
    let inputs = try inputs(2, width: 1, heads: 1)
    let p = Tensor<Double>([1, 0, 1, .leastNonzeroMagnitude], shape: [1, 2, 2])
    let v = Tensor([value, value], shape: [1, 2, 1])
    let bounds = rounding.ofContext(
      Definition.context(probabilities: p, value: v, inputs: inputs),
      probabilities: Operand(values: p, error: p.values.map { _ in .zero }), values: Operand(values: v),
      inputs: inputs)
    #expect(bounds.allSatisfy { $0.det < 1e-3 })
  }

  @Test(.clause("BND-10"), arguments: [0.0, -110], [false, true])
  func aContextIsASumOverTheVisibleKeys(_ exponent: Double, _ isFused: Bool) throws {
    let (heads, tokens, width) = (2, 7, 3)
    let inputs = try inputs(tokens, width: heads * width, heads: heads, masked: 3)
    // Scores that rise through a range in which the rescaling of an online softmax is seen.
    let scores = Tensor(
      (0..<heads * tokens * tokens).map { 6 * Double($0 % tokens) + 0.1 * sin(Double($0)) },
      shape: [heads, tokens, tokens])
    let p = Definition.probabilities(scores, inputs: inputs)
    let v = Tensor(
      values(heads * tokens * width, seed: 6, size: exp2(exponent)), shape: [heads, tokens, width])
    let value = Definition.context(probabilities: p, value: v, inputs: inputs)
    let errors = values(p.count, seed: 7, size: 1e-7).map { Bound(abs($0)) }
    let bounds = rounding.ofContext(
      value, probabilities: Operand(values: p, error: isFused ? errors : nil), values: Operand(values: v),
      inputs: inputs)
    for head in 0..<heads {
      for i in 0..<tokens {
        let visible = (0..<tokens).filter { inputs.isVisible(key: $0, from: i, under: .causal) }
        let weights = visible.map { p[head, i, $0] }
        let range = log((weights.max() ?? 1) / (weights.filter { $0 > 0 }.min() ?? 1))
        for column in 0..<width {
          let y = value[i, head * width + column]
          let terms = visible.map { p[head, i, $0] * v[head, $0, column] }
          let length = (0..<tokens).map { abs(v[head, $0, column]) }.reduce(0, +)
          var want = Formula.sum(
            terms,
            rounded: {
              isFused || Double(Float(terms[$0])) != terms[$0]
            }, recurrence: 1)
          want += Formula.flush * (2 * Double(terms.count { $0 != 0 }) + 8 + length)
          if isFused {
            let ofWeights =
              Formula.sum(weights, rounded: { _ in false })
              + (4 * Formula.u + 8 * Formula.flush * Double(visible.count))
            want += abs(y) * ofWeights
            for key in visible {
              want += errors[(head * tokens + i) * tokens + key].det * abs(v[head, key, column] - y)
            }
            want += Formula.u * terms.map(abs).reduce(0, +) * (2 * range + 16)
          }
          expect(bounds[i * heads * width + head * width + column], want, "[\(i), \(head), \(column)]")
        }
      }
    }
  }

  @Test(.clause("BND-11"), arguments: [ActivationFunction.Function.geluTanh, .geluErf, .relu])
  func aNonlinearityHasTheFormulaOfItsForm(_ function: ActivationFunction.Function) {
    for type in [ScalarType.float32, .bfloat16, .float16] {
      let u = max(Formula.u, type.unitRoundoff)
      for x in stride(from: -7.0, through: 7, by: 0.125) + [1e-30, -1e-38, 40, -40] {
        let y = Definition.activate(Tensor([x], shape: [1]), function)
        let want =
          switch function {
          case .geluTanh: Formula.geluTanh(x, roundoff: u)
          case .geluErf: Formula.geluErf(x, roundoff: u)
          default: Formula.flush
          }
        let bound = Rounding(Precision(type)).ofActivation(
          function, y, Operand(values: Tensor([x], shape: [1])))[0]
        expect(bound, Bound(want), "\(function) at \(x) in \(type)")
      }
    }
  }

  /// What moves the input moves the output by no more than the bound, wherever the slope is greatest.
  @Test(.clause("BND-11"), arguments: [ActivationFunction.Function.geluTanh, .geluErf])
  func theGreatestSlopeIsGrantedToAnErringInput(_ function: ActivationFunction.Function) {
    for x in stride(from: -3.0, through: 3, by: 0.01) {
      let input = Operand(values: Tensor([x], shape: [1]), error: [Bound(1e-3)])
      let (here, there) = (
        Definition.activate(Tensor([x], shape: [1]), function),
        Definition.activate(Tensor([x + 1e-3], shape: [1]), function)
      )
      let bound = rounding.ofActivation(function, here, input)[0].det
      #expect(abs(there.values[0] - here.values[0]) <= bound, "\(x)")
      #expect(bound <= 1.14e-3, "\(x)")
    }
  }

  @Test(.clause("BND-13"), arguments: [2, 3, 17, 400])
  func truncatingAccumulatorsHaveTwiceTheRoundoffAndNoLastAddition(_ count: Int) {
    let rounding = Rounding(Precision(.float16, truncates: true))
    let terms = values(count, seed: UInt64(count))
    let size = terms.map(abs).reduce(0, +)
    let (n, twice) = (Double(count), 2 * Formula.u)
    let plain = rounding.ofSum(rounding.terms(terms)).det
    let products = rounding.ofSum(rounding.terms(ofProducts: terms)).det
    #expect(abs(plain - Formula.gamma(n, twice) * size) <= 1e-12 * plain)
    #expect(abs(products - Formula.gamma(n + 1, twice) * size) <= 1e-12 * products)
  }
}

private func + (left: StrideThrough<Double>, right: [Double]) -> [Double] { Array(left) + right }
