import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

@testable import TouchstoneVerdict

/// The bounds of routers, their weights, mixtures, clipped gates and sinks, each from its formula.
@Suite struct ExpertBoundTests {
  /// An expert whose share is less by more than rounding is no choice; one that is less by less is.
  @Test(.clause("BND-36")) func theBoundOfAChoiceIsItsFormula() {
    let rounding = Rounding(.float32)
    let kind = RouteIDs(2)
    let operation = Operation(kind.kind, Activation("ids"), from: [Activation("x")])
    for step in [0.0, 0x1p-24, 0x1p-22, 0x1p-20, 0x1p-18, 1e-3, 1] {
      let logits = [0.5, 3, 1 - step, 1, -2].map { Double(Float($0)) }
      let x = Operand(values: Tensor(logits, shape: [1, 5]))
      var site = JudgedSite(
        operation: operation, activations: [x], parameters: [], inputs: Definition.oneToken,
        storedType: .float32)
      // The third expert for the fourth, in either place.
      for got in [[1.0, 2], [2, 1]] {
        site.output = Tensor(got, shape: [1, 2])
        let found = kind.estimate(site, rounding)
        let shares = BoundFormulas.softmax(logits)
        let p = softmax(logits)
        let place = got[0] == 2 ? 0 : 1
        #expect(found.values.values[1 - place] == 1 && found.bounds[1 - place] == Bound(0))
        if logits[2] == logits[3] {
          // Equal ones: the definition takes the first.
          #expect(found.values.values[place] == 2)
        } else {
          #expect(found.values.values[place] == 3)
          let isNear = p[3] - p[2] <= shares[2].stat + shares[3].stat
          #expect((found.bounds[place].zone(of: 1) == .consistent) == isNear, "\(step)")
        }
      }
    }
    let x = Operand(values: Tensor([0.5, 3, 1, 1, -2], shape: [1, 5]))
    for wrong in [[1.0, 1], [1, 5], [1, -1], [1, 1.5], [1, 4], [.nan, 1]] {
      var site = JudgedSite(
        operation: operation, activations: [x], parameters: [], inputs: Definition.oneToken,
        storedType: .float32)
      site.output = Tensor(wrong, shape: [1, 2])
      let found = kind.estimate(site, rounding)
      let comparison = ElementComparison(
        got: Tensor(wrong, shape: [1, 2]), want: found, greatest: .greatestFiniteMagnitude,
        isJudged: { _ in true })
      #expect(comparison.zone >= .fail, "\(wrong)")
    }
  }

  private func softmax(_ x: [Double]) -> [Double] {
    let powers = x.map { exp($0 - (x.max() ?? 0)) }
    return powers.map { $0 / powers.reduce(0, +) }
  }

  /// A choice out of another group is right where the group comes near, and one out of too many groups never.
  @Test(.clause("MOE-8", "BND-36"), arguments: [0.0, 0x1p-25, 1e-3]) func anEqualGroupMayBeTaken(
    _ step: Double
  ) {
    let logits = [5, 4, 1, 1, 1 - step, 1].map { Double(Float($0)) }
    func isRight(_ got: [Double], _ rule: ExpertGroups.Rule) -> Bool {
      let kind = RouteIDs(got.count, by: .sigmoid, groups: ExpertGroups(3, keeping: 2, by: rule))
      var site = JudgedSite(
        operation: Operation(kind.kind, Activation("ids"), from: [Activation("x")]),
        activations: [Operand(values: Tensor(logits, shape: [1, 6]))], parameters: [],
        inputs: Definition.oneToken, storedType: .float32)
      site.output = Tensor(got, shape: [1, got.count])
      let found = kind.estimate(site, Rounding(.float32))
      return got.indices.allSatisfy {
        found.bounds[$0].zone(of: abs(got[$0] - found.values.values[$0])) == .consistent
      }
    }
    for rule in ExpertGroups.Rule.allCases {
      #expect(isRight([0, 1, 2], rule) && isRight([1, 2, 0], rule))
      #expect(isRight([0, 1, 5], rule) == (step < 1e-3 || rule == .best), "\(rule)")
      #expect(!isRight([0, 1, 2, 5], rule) && !isRight([0, 2, 3], rule) && !isRight([0, 1, 1], rule))
    }
  }

  /// Of two equal weights by logistic functions, each relative error is that of its function, their mean, and the steps.
  @Test(.clause("BND-37", "MOE-9")) func theBoundOfALogisticWeightIsItsFormula() {
    let kind = RouteWeights(isNormalised: true, factor: 2.5, by: .sigmoid)
    let operands = [Tensor([0.5, 0.5, -3], shape: [1, 3]), Tensor([1.0, 0], shape: [1, 2])]
    let found = Rounding(.float32).estimate(
      Operation(kind.kind, Activation("w"), from: [Activation("x"), Activation("ids")]),
      operands.map { Operand(values: $0) }, [], inputs: Definition.oneToken)
    let one = ActivationFunction(.sigmoid)
    let own = Rounding(.float32).estimate(
      Operation(one.kind, Activation("y"), from: [Activation("x")]), [Operand(values: operands[0])], [],
      inputs: Definition.oneToken)
    let (share, error) = (own.values.values[0], own.bounds[0])
    for bound in found.bounds {
      let want =
        error.map { 1.25 * expm1(2 * log1p($0 / share) + 5 * BoundFormulas.u) }
        + 20 * BoundFormulas.flush * (1 + 0.5 / share)
      let difference = BoundFormulas.difference(bound, want)
      #expect(difference == nil, "\(difference ?? "")")
    }
  }

  @Test(.clause("BND-37"), arguments: [true, false]) func theBoundOfAWeightIsItsFormula(_ isNormalised: Bool)
  {
    let kind = RouteWeights(isNormalised: isNormalised, factor: 2.5)
    let logits = [0.5, 3, -7, 1, -2].map { Double(Float($0)) }
    let operands = [Tensor(logits, shape: [1, 5]), Tensor([3.0, 0, 2], shape: [1, 3])]
    let found = Rounding(.float32).estimate(
      Operation(kind.kind, Activation("w"), from: [Activation("x"), Activation("ids")]),
      operands.map { Operand(values: $0) }, [], inputs: Definition.oneToken)
    let (p, ofShares) = (softmax(logits), BoundFormulas.softmax(logits))
    let total = p[3] + p[0] + p[2]
    for (place, expert) in [3, 0, 2].enumerated() {
      let want: Bound
      if isNormalised {
        func e(_ expert: Int) -> Bound { ofShares[expert].map { log1p($0 / p[expert]) } }
        let mean = [3, 0, 2].reduce(Bound(0)) { $0 + p[$1] / total * e($1) }
        let weight = 2.5 * p[expert] / total
        want =
          (e(expert) + mean + 6 * BoundFormulas.u).map { weight * expm1($0) }
          + 20 * BoundFormulas.flush * (1 + 1 / total)
      } else {
        want = 2.5 * ofShares[expert] + 2 * BoundFormulas.u * 2.5 * p[expert]
      }
      let difference = BoundFormulas.difference(found.bounds[place], want)
      #expect(difference == nil, "\(expert): \(difference ?? "")")
    }
  }

  @Test(.clause("BND-38"), arguments: [ScalarType.float32, .bfloat16]) func theBoundOfAMixtureIsItsFormula(
    _ type: ScalarType
  ) {
    let operands = [
      Tensor([1.0, 0], shape: [1, 2]), Tensor([0.75, 0.2], shape: [1, 2]),
      Tensor([3.25, -1], shape: [1, 2]),
      Tensor([-0.5, 7], shape: [1, 2]),
    ]
    let found = Rounding(Precision(type)).estimate(
      Operation(Mixture().kind, Activation("y"), from: []), operands.map { Operand(values: $0) }, [],
      inputs: Definition.oneToken)
    for column in 0..<2 {
      let terms = [0.75 * operands[3].values[column], 0.2 * operands[2].values[column]]
      let magnitude = terms.map(abs).reduce(0, +)
      let ofStoring = type == .float32 ? 0 : 1.5 * type.spacing(around: magnitude)
      let want = BoundFormulas.sum(terms) + (5 * BoundFormulas.flush + ofStoring)
      let difference = BoundFormulas.difference(found.bounds[column], want)
      #expect(difference == nil, "\(column): \(difference ?? "")")
    }
  }

  @Test(.clause("BND-39")) func aClippedArgumentErrsByTheLimitAtMost() {
    let kind = ActivationFunction(.quickGELU, limit: 1.5)
    func bound(_ x: Double, _ error: Double) -> Double {
      Rounding(.float32).estimate(
        Operation(kind.kind, Activation("y"), from: [Activation("x")]),
        [Operand(values: Tensor([x], shape: [1, 1]), error: [Bound(error)])], [], inputs: Definition.oneToken
      ).bounds[0].det
    }
    let own = BoundFormulas.quickGELU(1.5)
    #expect(abs(bound(9, 1e-3) - own - 1.1 * 1.5 * BoundFormulas.u) < 1e-12)
    #expect(abs(bound(1, 1e-3) - BoundFormulas.quickGELU(1) - 1.1e-3) < 1e-12)
    #expect(bound(1.5, 1e-3) > 1.1e-3)
    // What is beyond the limit is as near as the limit is.
    #expect(bound(1.5 + 1e-2, 1e-3) < 1e-6)
  }

  /// Sinks are one more entry of each row.
  @Test(.clause("ATT-31", "BND-8")) func theBoundOfAWeightBesideASinkIsThatOfASoftmax() throws {
    let inputs = Definition.oneToken
    let scores = Tensor([0.5, -1.0], shape: [2, 1, 1])
    let sinks = ParameterOperand([0.25, 3])
    let found = Rounding(.float32).estimate(
      Operation(AttentionProbabilities().kind, Activation("p"), from: [Activation("s")]),
      [Operand(values: scores)], [sinks], inputs: inputs)
    for (head, pair) in [[0.5, 0.25], [-1.0, 3]].enumerated() {
      #expect(abs(found.values.values[head] - softmax(pair)[0]) < 1e-15)
      let want = BoundFormulas.softmax(pair)[0]
      let difference = BoundFormulas.difference(found.bounds[head], want)
      #expect(difference == nil, "\(head): \(difference ?? "")")
    }
  }
}
