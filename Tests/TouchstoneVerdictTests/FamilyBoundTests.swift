import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// The bounds of what other families than GPT-2's have are the formulas of their clauses.
@Suite struct FamilyBoundTests {
  private let rounding = Rounding(.float32)
  private typealias Formula = BoundFormulas

  private func expect(_ got: Bound, _ want: Bound, _ comment: String) {
    let difference = Formula.difference(got, want)
    #expect(difference == nil, "\(comment): \(difference ?? "")")
  }

  private func values(_ shape: [Int], seed: UInt64, size: Double = 1) -> Tensor<Double> {
    var random = SplitMix64(seed: seed)
    return Tensor(
      (0..<shape.reduce(1, *)).map { _ in Double(Float.random(in: -1...1, using: &random)) * size },
      shape: shape)
  }

  private func inputs(_ tokens: Int, mask: [Bool]? = nil, positions: [Int]? = nil) throws -> Inputs {
    try Inputs(
      tokenIDs: [Int](repeating: 0, count: tokens), positionIDs: positions, attentionMask: mask,
      configuration: Configuration(
        vocabularySize: 1, contextLength: 1 << 21, width: 1, layerCount: 1, headCount: 1))
  }

  private func estimate(
    _ kind: TouchstoneGraph.Operation.Kind, _ activations: [Operand], _ parameters: [ParameterOperand] = [],
    inputs: Inputs? = nil
  ) throws -> Estimate {
    let names = activations.indices.map { Activation("x_\($0)") }
    return rounding.estimate(
      Operation(kind, Activation("y"), from: names, with: parameters.map(\.view)), activations, parameters,
      inputs: try inputs ?? self.inputs(1))
  }

  @Test(.clause("BND-19"), arguments: [3, 4, 7]) func aSumOfManyIsOneInAnyOrder(_ count: Int) throws {
    let terms = (0..<count).map { values([5, 3], seed: UInt64(10 + $0)) }
    let found = try estimate(.sum(Sum()), terms.map { Operand(values: $0) })
    for offset in 0..<15 {
      let all = terms.map { $0.values[offset] }
      let want = Formula.sum(all, rounded: { _ in false }) + Double(count) * Formula.flush
      expect(found.bounds[offset], want, "element \(offset)")
      #expect(abs(found.values.values[offset] - all.reduce(0, +)) < 1e-15)
    }
  }

  @Test(
    .clause("BND-20", "GLU-3"), arguments: [(0.0, nil), (1, 7), (1, 1.2), (1, nil)] as [(Double, Double?)])
  func aGateIsRoundedOnceAndItsSumOnce(_ plus: Double, _ limit: Double?) throws {
    let (a, b) = (values([4, 9], seed: 1), values([4, 9], seed: 2, size: 20))
    let kind = Operation.Kind.product(Product(plus: plus, limit: limit))
    let found = try estimate(kind, [Operand(values: a), Operand(values: b)])
    let errors = values([4, 9], seed: 3, size: 1e-4).values.map { Bound(abs($0)) }
    let passed = try estimate(kind, [Operand(values: a, error: errors), Operand(values: b, error: errors)])
    for offset in 0..<36 {
      let right = min(max(b.values[offset], -(limit ?? .infinity)), limit ?? .infinity)
      let factor = right + plus
      let (left, y) = (a.values[offset], found.values.values[offset])
      let isClipped = abs(b.values[offset]) > limit ?? .infinity
      let ofLimit = isClipped ? Formula.u * (limit ?? 0) : 0
      let own =
        abs(left) * ofLimit + (plus == 0 ? 0 : Formula.u * abs(left) * max(abs(factor), abs(right))) + Formula
        .u * abs(y)
        + Formula.flush
      expect(found.bounds[offset], Bound(own), "element \(offset)")
      // Each factor may be anywhere within its error; beyond the limit one is the limit.
      let error = errors[offset].det
      let corner = (abs(left) + error) * (abs(factor) + (isClipped ? 0 : error)) - abs(left * factor)
      #expect(passed.bounds[offset].det >= corner && passed.bounds[offset].det <= corner + 1e-5)
    }
  }

  @Test(.clause("BND-21", "GRA-8")) func aScaleIsRoundedAndSoIsItsProduct() throws {
    let x = values([3, 7], seed: 4)
    let factor = 35.0.squareRoot()
    let found = try estimate(.scale(Scale(by: factor)), [Operand(values: x)])
    for (bound, x) in zip(found.bounds, x.values) {
      expect(bound, Bound(2 * Formula.u * abs(factor * x) + Formula.flush), "\(x)")
      #expect(abs(Double(Float(factor) * Float(x)) - factor * x) <= bound.det)
    }
  }

  @Test(.clause("BND-22"), arguments: ActivationFunction.Function.allCases)
  func eachNonlinearityHasItsFormula(_ function: ActivationFunction.Function) {
    for type in [ScalarType.float32, .bfloat16] {
      let u = max(Formula.u, type.unitRoundoff)
      for x in stride(from: -9.0, through: 9, by: 0.25) + [1e-30, -1e-38, 40, -95] {
        let y = Definition.activate(Tensor([x], shape: [1]), function)
        let want: Double
        switch function {
        case .silu: want = Formula.silu(x, roundoff: u)
        case .quickGELU: want = Formula.quickGELU(x, roundoff: u)
        case .sigmoid: want = Formula.sigmoid(x, roundoff: u)
        case .tanh: want = Formula.own(10, tanh(x), roundoff: u) + Formula.flush
        case .reluSquared: want = u * max(0, x) * max(0, x) + Formula.flush
        case .relu: want = Formula.flush
        case .geluErf: want = Formula.geluErf(x, roundoff: u)
        case .geluTanh: want = Formula.geluTanh(x, roundoff: u)
        case .geluFast: want = Formula.geluTanh(x, factor: 0.7978845608, roundoff: u)
        case .geluBloom: want = Formula.geluTanh(x, factor: 0.79788456, roundoff: u)
        }
        let bound = Rounding(Precision(type)).ofActivation(
          function, y, Operand(values: Tensor([x], shape: [1])))[0]
        expect(bound, Bound(want), "\(function) at \(x) in \(type)")
      }
    }
  }

  /// What moves the input moves the output by no more than the bound, wherever the slope is greatest.
  @Test(.clause("BND-22"), arguments: ActivationFunction.Function.allCases)
  func theGreatestSlopeIsGranted(_ function: ActivationFunction.Function) {
    for x in stride(from: -4.0, through: 4, by: 0.01) {
      for step in [0.999e-3, -0.999e-3] {
        let (here, there) = (
          Definition.activate(Tensor([x], shape: [1]), function),
          Definition.activate(Tensor([x + step], shape: [1]), function)
        )
        let bound = rounding.ofActivation(
          function, here, Operand(values: Tensor([x], shape: [1]), error: [Bound(1e-3)]))[0].det
        #expect(abs(there.values[0] - here.values[0]) <= bound, "\(x)")
      }
    }
  }

  /// Rows by themselves, heads of a token together, and gains that are stored less one.
  @Test(
    .clause("BND-23"), arguments: [0.0, 1], [(false, 1), (false, 0x1p-110), (true, 1), (true, 0x1p-110)])
  func anRMSNormHasTheFormulaOfItsRuns(_ offset: Double, _ form: (isJoined: Bool, size: Double)) throws {
    let (isJoined, size) = form
    let (heads, tokens, width) = (3, 4, 5)
    let x = values([heads, tokens, width], seed: 5, size: size)
    let gain = values([isJoined ? heads * width : width], seed: 6).values
    let epsilon = size == 1 ? 1e-3 : 0x1p-180
    let kind = RMSNorm(epsilon: epsilon, offset: offset, isJoined: isJoined)
    let found = try estimate(.rmsNorm(kind), [Operand(values: x)], [ParameterOperand(gain)])
    let rows = (0..<heads * tokens).map { Array(x.row($0)) }
    for token in 0..<tokens {
      let runs =
        isJoined
        ? [(0..<heads).map { $0 * tokens + token }] : (0..<heads).map { [$0 * tokens + token] }
      for run in runs {
        let want = Formula.rmsNorm(
          run.flatMap { rows[$0] }, gain: gain, offset: offset, epsilon: epsilon)
        for (place, bound) in want.enumerated() {
          let element = run[place / width] * width + place % width
          expect(found.bounds[element], bound, "head and token \(run), \(place)")
        }
      }
    }
  }

  /// Turned columns have the formula, the others what they had; far positions are known worse.
  @Test(.clause("BND-25"), arguments: [Rotate.Style.half, .interleaved, .interleavedToHalf], [1, 1.25])
  func aRotationErrsByItsAngle(_ style: Rotate.Style, _ magnitude: Double) throws {
    let frequencies = RotaryFrequencies(theta: 500)
    let kind = Rotate(width: 6, first: 1, style: style, frequencies: frequencies, magnitude: magnitude)
    let positions = [0, 1, 77, 100_000, 1 << 20]
    let inputs = try inputs(5, positions: positions)
    let x = values([2, 5, 8], seed: 7)
    let found = try estimate(.rotate(kind), [Operand(values: x)], inputs: inputs)
    for pair in 0..<3 {
      let roundings = log(500) * Double(pair) / 3 + 3 * Double(pair) + 5
      let (from, to) = kind.columns(of: pair)
      for row in 0..<10 {
        let angle = Double(positions[row % 5]) * pow(500, -Double(pair) / 3)
        let (a, b) = (x.values[8 * row + from.0], x.values[8 * row + from.1])
        let want = Formula.rotated(a, b, by: angle, roundings: roundings, magnitude: magnitude)
        expect(found.bounds[8 * row + to.0], Bound(want), "pair \(pair) of row \(row)")
        let other = Formula.rotated(b, -a, by: angle, roundings: roundings, magnitude: magnitude)
        expect(found.bounds[8 * row + to.1], Bound(other), "the other of pair \(pair), row \(row)")
      }
    }
    for row in 0..<10 {
      #expect(found.bounds[8 * row] == .zero && found.bounds[8 * row + 7] == .zero)
    }
  }

  /// The bound of an input that errs holds what every input within the error becomes.
  @Test(.clause("BND-25")) func aRotationPassesErrorsOn() throws {
    let kind = Operation.Kind.rotate(Rotate(width: 4, frequencies: RotaryFrequencies(theta: 100)))
    let inputs = try inputs(3, positions: [0, 3, 9])
    let x = values([1, 3, 4], seed: 8)
    let errors = values([1, 3, 4], seed: 9, size: 1e-3).values
    let found = try estimate(
      kind, [Operand(values: x, error: errors.map { Bound(abs($0)) })], inputs: inputs)
    let moved = Tensor(zip(x.values, errors).map(+), shape: x.shape)
    let there = kind.value(Operands([moved]), in: inputs)
    for offset in 0..<12 {
      #expect(abs(there.values[offset] - found.values.values[offset]) <= found.bounds[offset].det)
      #expect(found.bounds[offset].det <= 2e-3)
    }
  }

  @Test(.clause("BND-26", "GQA-1", "GQA-2"), arguments: [nil, 2] as [Int?])
  func sharedHeadsHaveTheBoundsOfTheirCopies(_ window: Int?) throws {
    let (heads, groups, tokens, width) = (6, 2, 5, 3)
    let visibility = Visibility(isCausal: true, window: window)
    let inputs = try inputs(tokens, mask: [true, true, false, true, true])
    let (q, k) = (values([heads, tokens, width], seed: 1), values([groups, tokens, width], seed: 2))
    let v = values([groups, tokens, width], seed: 3)
    func copies(_ shared: Tensor<Double>) -> Operand {
      let rows = (0..<heads).flatMap { head in
        (0..<tokens).flatMap { shared.row(head * groups / heads * tokens + $0) }
      }
      return Operand(values: Tensor(rows, shape: [heads, tokens, width]))
    }
    let scores = Operation.Kind.scores(AttentionScores(scale: 0.5, visibility: visibility))
    let shared = try estimate(scores, [Operand(values: q), Operand(values: k)], inputs: inputs)
    let own = try estimate(scores, [Operand(values: q), copies(k)], inputs: inputs)
    #expect(shared.values == own.values && shared.bounds == own.bounds)
    let context = Operation.Kind.context(AttentionContext(visibility: visibility))
    let probabilities = Operation.Kind.probabilities(AttentionProbabilities(visibility: visibility))
    let p = Operand(
      values: try estimate(probabilities, [Operand(values: shared.values)], inputs: inputs).values)
    let ofShared = try estimate(context, [p, Operand(values: v)], inputs: inputs)
    let ofOwn = try estimate(context, [p, copies(v)], inputs: inputs)
    #expect(ofShared.values == ofOwn.values && ofShared.bounds == ofOwn.bounds)
    // What the window or the mask hides has no score, and a weight of a few flushes.
    let visible = shared.values.values.map(\.isFinite)
    for (offset, isVisible) in visible.enumerated() {
      let (row, column) = (offset / tokens % tokens, offset % tokens)
      #expect(
        isVisible == (column <= row && row - column < window ?? .max && column != 2), "\(row), \(column)")
      #expect(
        scores.bounded.judgedElements(inputs, shape: [heads, tokens, tokens])(offset) == isVisible)
    }
    // A token whose only key is masked sees nothing.
    let blind = context.bounded.judgedElements(inputs, shape: [tokens, heads * width])
    let seesAny = (0..<tokens).map { blind($0 * heads * width) }
    #expect(seesAny == inputs.seesAnyKey(under: visibility))
    #expect(Visibility(isCausal: true, window: 1).allows(key: 2, from: 2))
    #expect(
      inputs.seesAnyKey(under: Visibility(isCausal: true, window: 1)) == [true, true, false, true, true])
  }

  /// What a run shares strays together, a λ-th of its bound.
  @Test(.clause("BND-14", "BND-23")) func theNoiseOfAnRMSNormIsSharedByItsRun() throws {
    let x = values([2, 2, 6], seed: 11)
    let kind = RMSNorm(epsilon: 1e-5)
    let gain = ParameterOperand(values([6], seed: 12).values)
    let site = JudgedSite(
      operation: Operation(.rmsNorm(kind), Activation("y"), from: [Activation("x")], with: [gain.view]),
      activations: [Operand(values: x)], parameters: [gain], inputs: try inputs(2), storedType: .float32)
    let value = rounding.estimate(site).values
    let pattern = try #require(kind.sharedNoise(value, site, rounding).first)
    for row in 0..<4 {
      let squares = x.row(row).map { $0 * $0 }
      let m = squares.reduce(0, +) / 6
      let delta = Formula.sum(squares).stat / 6 + 4 * Formula.u * m
      let rho = ((m + 1e-5) / (m - delta + 1e-5)).squareRoot() - 1
      for column in 0..<6 {
        let want = value[row, column] * rho / 8
        #expect(abs(Double(pattern[6 * row + column]) - want) <= 1e-6 * abs(want))
      }
    }
  }
}
