import Foundation
import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// Those of routers, sinks and the rows that experts give back.
extension BackwardBoundTests {
  @Test(.clause("BND-59"), arguments: RouterFunction.allCases, [true, false])
  func aRouterHasTheErrorsOfItsShares(_ function: RouterFunction, _ isNormalised: Bool) throws {
    let logits = operand([1, 5], seed: 13, size: 2)
    let ids = Operand(values: Tensor([3, 0], shape: [1, 2]))
    let dw = operand([1, 2], seed: 14)
    let weights = RouteWeights(isNormalised: isNormalised, factor: 2.5, by: function)
    let found = estimate(RouteGradient(of: weights), [logits, ids, dw], [], try inputs(1))
    let z = logits.values.values
    let isLogistic = function == .sigmoid
    let all = isLogistic ? z.map { 1 / (1 + exp(-$0)) } : z.map { exp($0) / z.map { exp($0) }.reduce(0, +) }
    let table = Tensor(all, shape: [1, 5])
    let e =
      isLogistic
      ? rounding.ofActivation(.sigmoid, table, logits) : rounding.ofSoftmax(table, logits, temperature: 1)
    let total = isNormalised ? all[3] + all[0] : 1
    let ofTotal = isNormalised ? (1 / total) * (e[3] + e[0]) + 2 * u : .zero
    let chosen = [(3, dw.values.values[0]), (0, dw.values.values[1])]
    let isShared = isNormalised || !isLogistic
    let mean = isShared ? chosen.reduce(0) { $0 + all[$1.0] / total * $1.1 } : 0
    var ofMean = Bound.zero
    for (expert, dw) in chosen where isShared {
      let share = all[expert] / total
      let ofShare = (1 / total) * e[expert] + share * ofTotal
      ofMean += abs(dw) * ofShare
      ofMean += 6 * u * share * abs(dw)
    }
    let gross = chosen.reduce(0) { $0 + all[$1.0] / total * (abs($1.1) + abs(mean)) }
    let isOfAll = !isLogistic && !isNormalised
    for expert in 0..<5 {
      var want = Bound.zero
      if isOfAll {
        want = e[expert].combined(with: ofMean) { $0 * (abs(mean) + $1) + all[expert] * $1 }
      } else if !isLogistic {
        want = all[expert] * (2 * ofMean + 10 * u * gross)
      }
      for (own, dw) in chosen where own == expert {
        let size = 2 * u * (abs(dw) + abs(mean))
        let difference = (isOfAll ? .zero : ofMean) + size
        let product = isLogistic ? all[own] * (1 - all[own]) : all[own]
        let cancelled = 3 * u * product + u * all[own]
        let ofProduct = isLogistic ? abs(1 - 2 * all[own]) * e[own] + cancelled : e[own]
        var slope = (1 / total) * ofProduct
        slope += product / total * (ofTotal + 3 * u)
        let distance = abs(dw - (isOfAll ? 0 : mean))
        let share = product / total
        want += difference.combined(with: slope) { $0 * share + $1 * (distance + $0) }
      }
      let own = 6 * u * abs(found.values.values[expert])
      expect(found.bounds[expert], 2.5 * want + own, "expert \(expert)")
    }
  }

  @Test(.clause("BND-58")) func aSinkIsASumOfProducts() throws {
    let (scores, dp) = (operand([1, 3, 3], seed: 15), operand([1, 3, 3], seed: 16))
    let p = Operand(values: Tensor((0..<9).map { [0.25, 0.5, 0.125][$0 % 3] }, shape: [1, 3, 3]))
    let sink = ParameterOperand([0.5])
    let found = estimate(SinkGradient(), [scores, p, dp], [sink], try inputs(3))
    var (products, passed) = ([Double](), Bound.zero)
    for query in 0..<3 {
      let row = (0...query).map { scores.values[query, $0] } + [0.5]
      let total = row.map { exp($0) }.reduce(0, +)
      let weights = row.map { exp($0) / total }
      let terms = (0...query).map { p.values[query, $0] * dp.values[query, $0] }
      let ofWeight = rounding.ofSoftmaxRow(scores: row, probabilities: weights, distances: nil)[query + 1]
      let (w, c) = (weights[query + 1], terms.reduce(0, +))
      products.append(-w * c)
      passed += ofWeight.combined(with: Formula.sum(terms)) { abs(c) * $0 + w * $1 + $0 * $1 }
    }
    expect(found.bounds[0], Formula.sum(products) + passed, "sink")
  }

  @Test(.clause("BND-52", "BWD-20")) func rowsOfExpertsAreSumsOfAsManyTerms() throws {
    let ids = Operand(values: Tensor([1, 0, 0, 1], shape: [2, 2]))
    let rows = [operand([2, 3], seed: 17), operand([2, 3], seed: 18)]
    let kind = ReturnedRows(choices: 2)
    let found = estimate(kind, [ids] + rows, [], try inputs(2))
    for place in 0..<6 {
      let terms = rows.map { $0.values.values[place] }
      expect(found.bounds[place], Formula.sum(terms, rounded: { _ in false }), "\(place)")
    }
    #expect(kind.addedParts(of: Operation(kind.kind, Activation("y"))) == 2)
  }
}
