import Foundation
import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// The bounds of the backward pass are the formulas of their clauses, written down again.
@Suite struct BackwardBoundTests {
  let rounding = Rounding(.float32)
  typealias Formula = BoundFormulas
  let u = BoundFormulas.u

  func expect(
    _ got: Bound, _ want: Bound, _ comment: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    // What underflow takes is left aside.
    let difference = Formula.difference(got + 1e-30, want + 1e-30, within: 1e-6)
    #expect(difference == nil, "\(comment): \(difference ?? "")", sourceLocation: sourceLocation)
  }

  func operand(_ shape: [Int], seed: UInt64, size: Double = 1, error: Double? = nil) -> Operand {
    var random = SplitMix64(seed: seed)
    let values = (0..<shape.reduce(1, *)).map { _ in Double(Float.random(in: -1...1, using: &random)) * size }
    return Operand(
      values: Tensor(values, shape: shape), error: error.map { error in values.map { _ in Bound(error) } })
  }

  func inputs(_ tokens: Int, targets: [Int]? = nil, ids: [Int]? = nil) throws -> Inputs {
    let table = ParameterView(Parameter("table", [64, 2]))
    let graph = try Graph(validating: [
      Operation(Embedding(.tokenIDs).kind, Activation("embed/token"), with: [table])
    ])
    return try Inputs(
      tokenIDs: ids ?? [Int](repeating: 0, count: tokens), targets: targets, graph: graph)
  }

  func estimate(
    _ kind: some OperationKind, _ activations: [Operand], _ parameters: [ParameterOperand] = [],
    _ inputs: Inputs
  ) -> Estimate {
    let names = activations.indices.map { Activation("x_\($0)") }
    return rounding.estimate(
      Operation(kind.kind, Activation("y"), from: names, with: parameters.map(\.view)), activations,
      parameters,
      inputs: inputs)
  }

  /// β of a sum whose terms are rounded `count` times before they are added.
  func sum(
    _ terms: [Double], roundings count: Double, recurrence: Double? = nil,
    rounded: (Int) -> Bool = { _ in true }
  ) -> Bound {
    let n = Double(terms.count { $0 != 0 })
    let (all, squares) = (terms.map(abs).reduce(0, +), terms.map { $0 * $0 }.reduce(0, +))
    let worst = max((Formula.gamma(n + count - 1) - Formula.gamma(n)) * all, (count - 1) * u * all)
    let usual = 8 * u * ((count - 1) * (recurrence ?? Formula.recurrence(terms)) * squares / 3).squareRoot()
    return Formula.sum(terms, rounded: rounded, recurrence: recurrence)
      + Bound(det: worst, prob: worst, stat: min(worst, usual))
  }

  @Test(.clause("BND-56")) func theGradientOfScoresIsOneSumOfATermMore() throws {
    let (p, dp) = (operand([2, 5, 5], seed: 1), operand([2, 5, 5], seed: 2))
    let found = estimate(SoftmaxGradient(), [p, dp], [], try inputs(5))
    for row in 0..<10 {
      let visible = 0...row % 5
      let products = visible.map { p.values[row, $0] * dp.values[row, $0] }
      for key in 0..<5 {
        let (bound, value) = (found.bounds[row * 5 + key], found.values[row, key])
        guard visible.contains(key) else {
          #expect(bound == .zero && value == 0)
          continue
        }
        let terms = products.map { -$0 } + [dp.values[row, key]]
        let beta = sum(
          terms, roundings: 2, recurrence: Formula.recurrence(products), rounded: { $0 < products.count })
        let want = abs(p.values[row, key]) * beta + 2 * u * abs(value)
        expect(bound, want, "row \(row), key \(key)")
      }
    }
  }

  @Test(.clause("BND-52"), arguments: [1, 0.3]) func aScaledProductHasItsSumAndTwoRoundingsMore(
    _ scale: Double
  ) throws {
    let (ds, k) = (operand([1, 4, 4], seed: 3), operand([1, 4, 6], seed: 4))
    let kind = AttentionGradient(
      of: .queries, heads: 1, scale: scale, visibility: Visibility(isCausal: false))
    let found = estimate(kind, [ds, k], [], try inputs(4))
    for row in 0..<4 {
      for column in 0..<6 {
        let terms = (0..<4).map { ds.values[row, $0] * k.values[$0, column] }
        let (y, bound) = (found.values[row, column], found.bounds[row * 6 + column])
        let product = Formula.sum(terms)
        if scale == 1 {
          expect(bound, product, "\(row), \(column)")
        } else {
          #expect(bound.det >= scale * product.det + 3 * u * abs(y))
          #expect(bound.det <= scale * (product.det + 4 * u * terms.map(abs).reduce(0, +)) + 4 * u * abs(y))
        }
      }
    }
    // What the second factor may be off by is passed on, however it is multiplied.
    let passed = estimate(kind, [ds, operand([1, 4, 6], seed: 4, error: 1e-4)], [], try inputs(4))
    for place in 0..<24 {
      let reach = (0..<4).reduce(0) { $0 + abs(ds.values[place / 6, $1]) } * 1e-4 * scale
      let more = passed.bounds[place].det - found.bounds[place].det
      #expect(more >= reach * 0.999 && more <= reach * 1.001 + 1e-9)
    }
  }

  @Test(.clause("BND-52")) func rowsThatAreLookedUpTwiceAreAddedOneByOne() throws {
    let dy = operand([5, 3], seed: 5)
    let table = ParameterView(Parameter("table", [8, 3]))
    let stored = ParameterOperand(StoredTensor(Tensor<Float>(repeating: 0, shape: [8, 3])), table)
    let own = try inputs(5, ids: [1, 4, 1, 1, 7])
    let found = estimate(ParameterGradient([.rows(Embedding(.tokenIDs))]), [dy], [stored], own)
    let head = [operand([5, 3], seed: 6), operand([5, 8], seed: 7)]
    let tied = estimate(
      ParameterGradient([.rows(Embedding(.tokenIDs)), .matrix]), [dy] + head, [stored, stored], own)
    for row in 0..<8 {
      let tokens = own.tokenIDs.indices.filter { own.tokenIDs[$0] == row }
      for column in 0..<3 {
        let terms = tokens.map { dy.values[$0, column] }
        expect(found.bounds[row * 3 + column], Formula.sum(terms, rounded: { _ in false }), "row \(row)")
        let products = (0..<5).map { head[0].values[$0, column] * head[1].values[$0, row] }
        let order = Double(max(tokens.count - 1, 0)) * u * terms.map(abs).reduce(0, +)
        let least = Formula.sum(products).det + order
        #expect(tied.bounds[row * 3 + column].det >= least)
        #expect(tied.bounds[row * 3 + column].det <= 2 * least + 4 * u * terms.map(abs).reduce(0, +))
      }
    }
  }

  @Test(.clause("BND-53", "BND-54"), arguments: [true, false]) func aNormHasTheErrorsOfItsTwoSums(
    _ isCentred: Bool
  ) throws {
    let (x, dy) = (operand([3, 7], seed: 8), operand([3, 7], seed: 9))
    let found = estimate(NormGradient(epsilon: 1e-5, isCentred: isCentred), [x, dy], [], try inputs(3))
    let gains = estimate(GainGradient(epsilon: 1e-5, isCentred: isCentred), [x, dy], [], try inputs(3))
    var rows: [(error: [Bound], normalised: [Double])] = []
    for row in 0..<3 {
      let (own, h) = (Array(x.values.row(row)), Array(dy.values.row(row)))
      let n = 7.0
      let centred = RowStatistics(own, distances: nil, epsilon: 1e-5, rounding: rounding)
      let plain = RunStatistics(own, distances: nil, epsilon: 1e-5, rounding)
      let (mu, inverse) = isCentred ? (centred.mean, centred.inverse) : (0, plain.inverse)
      let ofMean = isCentred ? centred.meanError : .zero
      let rho = isCentred ? centred.inverseError : plain.inverseError
      let wide = rho.map { 1 + $0 }
      func times(_ a: Bound, _ b: Bound) -> Bound { a.combined(with: b, *) }
      let normalised = own.map { ($0 - mu) * inverse }
      let ofNormalised = own.map { x -> Bound in
        let sizes = 2 * u * (abs(x) + abs(mu))
        let inner = times(wide, ofMean + sizes) + abs(x - mu) * (rho + 6 * u)
        return inverse * inner
      }
      let average = isCentred ? h.reduce(0, +) / n : 0
      let slope = zip(h, normalised).map(*).reduce(0, +) / n
      let deviations = zip(h, own).map { $0 * ($1 - mu) }
      var ofSum = sum(deviations, roundings: isCentred ? 3 : 2)
      if isCentred {
        let products = zip(h, own).map(*)
        let ends = 4 * u * (abs(products.reduce(0, +)) + abs(mu * h.reduce(0, +)))
        let folded = sum(products, roundings: 2) + abs(mu) * Formula.sum(h) + ends
        ofSum = Bound.max(ofSum, folded)
      }
      let inside = (inverse / n) * ofSum + (abs(average) * inverse) * ofMean
      let ofSlope = times(wide, inside) + abs(slope) * (rho + 10 * u)
      let ofAverage = isCentred ? (1 / n) * Formula.sum(h) + 2 * u * abs(average) : .zero
      for column in 0..<7 {
        let y = abs(found.values[row, column])
        let reach = ofNormalised[column] + abs(normalised[column])
        var inner = ofAverage + u * abs(h[column])
        inner += times(reach, ofSlope) + abs(slope) * ofNormalised[column]
        let products = 3 * u * inverse * (abs(h[column]) + abs(average))
        let sizes = 4 * u * inverse * inverse * abs(slope) * (abs(own[column]) + abs(mu))
        let want = inverse * times(wide, inner) + y * (rho + 6 * u) + (products + sizes + u * y)
        expect(found.bounds[row * 7 + column], want, "row \(row), column \(column)")
      }
      rows.append((ofNormalised, normalised))
    }
    for column in 0..<7 {
      let products = (0..<3).map { dy.values[$0, column] * rows[$0].normalised[column] }
      let errors = (0..<3).map { abs(dy.values[$0, column]) * rows[$0].error[column] }
      var worst = errors.reduce(.zero, +)
      let squares = errors.reduce(0) { $0 + $1.stat * $1.stat }
      let usual =
        (Formula.recurrence(products) * squares).squareRoot() + 6 * u * products.map(abs).reduce(0, +)
      worst.stat = min(worst.stat, usual)
      let want = sum(products, roundings: 2) + worst + u * abs(gains.values.values[column])
      expect(gains.bounds[column], want, "gain \(column)")
    }
  }

  @Test(.clause("BND-51")) func theGradientOfLogitsHasTheErrorOfTheProbability() throws {
    let logits = operand([2, 9], seed: 10, size: 4)
    let found = estimate(
      CrossEntropyGradient(Loss(divisor: 3, scale: 8)), [logits], [],
      try inputs(2, targets: [4, Loss.ignoredTarget]))
    let z = Array(logits.values.row(0))
    let greatest = z.max() ?? 0
    let total = z.map { exp($0 - greatest) }.reduce(0, +)
    let p = z.map { exp($0 - greatest) / total }
    let a = rounding.argumentErrors(scores: z, greatest: greatest, distances: nil, division: 0)
    let weighted = zip(p, a).reduce(Bound.zero) { $0 + $1.0 * $1.1 }
    let ofSum = Formula.sum(p, rounded: { _ in false }) + weighted
    for id in 0..<9 {
      let ofLogarithm = 2 * u * (abs(log(p[id])) + abs(log(total)))
      let relative = a[id] + ofSum + (4 * u + ofLogarithm)
      let ofProbability = relative.map { p[id] * expm1($0) } + 2 * u * p[id]
      let want = 8.0 / 3 * ofProbability + 3 * u * abs(found.values[0, id])
      expect(found.bounds[id], want, "id \(id)")
      #expect(found.bounds[9 + id] == .zero)
    }
  }

  @Test(.clause("BND-55")) func aSlopeCancels() throws {
    let (x, dy) = (operand([1, 8], seed: 11, size: 3), operand([1, 8], seed: 12))
    let found = estimate(ActivationGradient(.tanh), [x, dy], [], try inputs(1))
    for (place, (x, dy)) in zip(x.values.values, dy.values.values).enumerated() {
      let t = tanh(x)
      let slope = 2 * abs(t) * Formula.own(10, t, roundoff: u) + u * t * t + 14 * u * (1 - t * t)
      expect(found.bounds[place], Bound(abs(dy) * slope + u * abs(found.values.values[place])), "\(x)")
    }
    // Of an argument that may be clipped or not either is right.
    let near = Operand(
      values: Tensor([6.9999, 7.0001, 1, 9], shape: [1, 4]), error: (0..<4).map { _ in Bound(1e-3) })
    let ones = Operand(values: Tensor([1, 1, 1, 1], shape: [1, 4]))
    let clipped = estimate(ActivationGradient(.silu, limit: 7), [near, ones], [], try inputs(1)).bounds.map(
      \.det)
    #expect(clipped[0] > 0.99 && clipped[1] > 0.99 && clipped[2] < 1e-3 && clipped[3] == 0)
  }

  @Test(.clause("BND-57")) func whatMayStandOnEitherSideOfALimitIsGranted() throws {
    let dy = Operand(values: Tensor([2, 2, 2, 2], shape: [1, 4]))
    let x = Tensor([-3.0, 2.9999, 3, 1], shape: [1, 4])
    let exact = estimate(ClipGradient(limit: 3), [dy, Operand(values: x)], [], try inputs(1))
    #expect(exact.values.values == [2, 2, 2, 2] && exact.bounds.allSatisfy { $0 == .zero })
    let known = estimate(
      ClipGradient(limit: 3, ofClipped: true), [dy, Operand(values: x)], [], try inputs(1))
    #expect(known.values.values == [0, 2, 0, 2] && known.bounds.allSatisfy { $0 == .zero })
    let near = Operand(values: x, error: x.values.map { _ in Bound(1e-3) })
    let wide = estimate(ClipGradient(limit: 3), [dy, near], [], try inputs(1))
    #expect(wide.bounds.map(\.det) == [2, 2, 2, 0])
    let narrow = Rounding(Precision(.bfloat16)).estimate(
      Operation(
        ClipGradient(limit: 3, ofClipped: true).kind, Activation("y"),
        from: [Activation("a"), Activation("b")]),
      [dy, Operand(values: x)], [], inputs: try inputs(1))
    #expect(narrow.bounds.map(\.det) == [2, 0, 2, 0])
  }
}
