import Foundation
import Testing
import TouchstoneModel
import TouchstoneTestSupport
import TouchstoneVerdict

@testable import TouchstoneOptimiser

/// The definition, by hand, and the bounds beside their formulas.
@Suite struct StepDefinitionTests {
  private func adamW(t: Int = 2, _ change: (inout StepSettings) -> Void = { _ in }) -> StepArithmetic {
    var settings = StepSettings(.adamw, t: t, lr: 0.5)
    (settings.beta1, settings.beta2) = (0.5, 0.75)
    change(&settings)
    return StepArithmetic(settings)
  }

  private var element: StepElement {
    StepElement(
      gradient: 4, firstMomentBefore: 2, secondMomentBefore: 8, thetaBefore: 10, firstMoment: 3,
      secondMoment: 7)
  }

  @Test(.clause("OPT-7", "OPT-8")) func momentsAreMeansThatForget() {
    #expect(adamW().firstMoment(element) == 3)
    #expect(adamW().secondMoment(element) == 10)
  }

  @Test(.clause("OPT-9", "OPT-10", "OPT-11")) func theUpdateIsCorrectedAndDecayDoesNotPassThroughIt() {
    // 1 − β₁² = 3/4, 1 − β₂² = 7/16: m̂ = 4, v̂ = 16.
    #expect(adamW().value(.theta, element) == 10 - 0.5 * 4 / 4)
    #expect(adamW { $0.epsilon = 4 }.value(.theta, element) == 10 - 0.5 * 4 / 8)
    #expect(
      adamW { ($0.epsilon, $0.epsilonPlacement) = (9, .inside) }.value(.theta, element) == 10 - 0.5 * 4 / 5)
    let before = adamW { ($0.epsilon, $0.epsilonPlacement) = (1, .before) }.value(.theta, element)
    let denominator = (7.0.squareRoot() + 1) / (7.0 / 16).squareRoot()
    #expect(abs(before - (10 - 0.5 * 4 / denominator)) <= 1e-15 * 10)
    #expect(adamW { $0.weightDecay = 0.25 }.value(.theta, element) == 10 * (1 - 0.125) - 0.5)
  }

  @Test(.clause("OPT-4", "OPT-6")) func scaleAndClippingAreFactors() {
    var by = adamW()
    by.lossScale = 8
    #expect(by.value(.unscaling, StepElement(accumulated: 4)) == 0.5)
    by.clipping = Clipping(norm: 7, limit: 4, epsilon: 1, unit: 0x1p-24)
    #expect(by.value(.clipping, element) == 2)
    #expect(Clipping(norm: 1, limit: 4, epsilon: 0, unit: 0x1p-24).isExact)
    #expect(Clipping(norm: 1, limit: 4, epsilon: 0, unit: 0x1p-24).coefficient == 1)
  }

  @Test(.clause("OPT-12")) func descentHasMomentumDampeningAndLooksAhead() {
    var settings = StepSettings(.sgd, t: 2, lr: 0.5)
    (settings.momentum, settings.dampening, settings.weightDecay) = (0.5, 0.75, 0.2)
    var element = StepElement(gradient: 4, momentumBefore: 8, thetaBefore: 10)
    #expect(StepArithmetic(settings).momentum(element) == 0.5 * 8 + 0.25 * 6)
    element.momentumBefore = nil
    #expect(StepArithmetic(settings).momentum(element) == 6)
    element.momentum = 3
    #expect(StepArithmetic(settings).value(.theta, element) == 10 - 1.5)
    settings.nesterov = true
    #expect(StepArithmetic(settings).value(.theta, element) == 10 - 0.5 * (6 + 0.5 * 3))
    settings.momentum = 0
    #expect(StepArithmetic(settings).value(.theta, element) == 10 - 0.5 * 6)
  }

  @Test(.clause("OPT-14", "OPT-16", "OPT-17", "OPT-18")) func boundsAreThoseOfTheirFormulas() {
    let (u, t0) = (0x1p-24, 0x1p-126)
    let bound = StepBound(Rounding(.float32))
    func isClose(_ left: Double, _ right: Double) -> Bool { abs(left - right) <= 1e-9 * right }
    let by = adamW { ($0.weightDecay, $0.epsilon) = (0.25, 4) }
    #expect(isClose(bound.value(.firstMoment, element, by, 3), u * (2 * (1 + 2) + 0.5 * 6 + 3) + 3 * t0))
    #expect(
      isClose(bound.value(.secondMoment, element, by, 10), u * (3 * 6 + 4 * 4 + 0.25 * 24 + 10) + 3 * t0))
    let (r1, r2) = (5 * u * 0.25 / 0.75 + 2 * u, 5 * u * (9.0 / 16) / (7.0 / 16) + 2 * u)
    let update = 0.5 * 4 / 8
    let y = by.value(.theta, element)
    #expect(
      isClose(
        bound.value(.theta, element, by, y),
        update * (9 * u + r1 + r2 / 2 + 2 * t0.squareRoot() / 8) + u * y + u * 10 * (2 + 3 * 0.125) + t0))
    var scaled = by
    scaled.lossScale = 3
    #expect(isClose(bound.value(.unscaling, element, scaled, 5), 10 * u + t0))
    scaled.lossScale = 1024
    #expect(bound.value(.unscaling, element, scaled, 5) == t0)
    scaled.clipping = Clipping(norm: 7, limit: 4, epsilon: 1, unit: u)
    #expect(isClose(bound.value(.clipping, element, scaled, 5), 25 * u + t0))
    #expect(bound.value(.clipping, element, by, 5) == 0)
  }

  @Test(.clause("OPT-12", "OPT-18")) func theBoundOfDescentIsThatOfItsFormula() {
    let (u, t0) = (0x1p-24, 0x1p-126)
    let bound = StepBound(Rounding(.float32))
    var settings = StepSettings(.sgd, t: 2, lr: 0.5)
    (settings.momentum, settings.dampening, settings.weightDecay) = (0.5, 0.75, 0.2)
    let element = StepElement(gradient: 4, momentumBefore: 8, thetaBefore: 10, momentum: 3)
    let d = u * (2 * 2 + 6) + t0
    let by = StepArithmetic(settings)
    func isClose(_ left: Double, _ right: Double) -> Bool { abs(left - right) <= 1e-9 * right }
    #expect(
      isClose(bound.value(.momentum, element, by, 5.5), u * (2 * 4 + 2 * 0.25 * 6 + 5.5) + 0.25 * d + 3 * t0))
    #expect(isClose(bound.value(.theta, element, by, 8.5), 0.5 * 2 * u * 3 + 8.5 * u + t0))
    settings.nesterov = true
    #expect(
      isClose(
        bound.value(.theta, element, StepArithmetic(settings), 6.25),
        0.5 * (d + u * (2 * 1.5 + 7.5) + 2 * u * 7.5) + 6.25 * u + t0))
  }

  @Test(.clause("OPT-13", "OPT-15")) func theBoundOfANormIsHalfThatOfItsSquares() {
    let rounding = Rounding(.float32)
    let values = (1...500).map { 1 + Double($0) / 64 }
    var squares = SumOfSquares()
    squares.add(values)
    squares.count(values, rounding)
    let terms = rounding.terms(values.map { $0 * $0 })
    #expect(abs(squares.norm - terms.sum.squareRoot()) <= 1e-12 * squares.norm)
    let error = squares.relativeError(rounding)
    // Products are rounded, and repetition may be counted double.
    var products = terms
    products.exact = 0
    let bound = rounding.ofSum(products)
    #expect(
      error.det >= bound.det / (2 * terms.sum) && error.det <= bound.det / (2 * terms.sum) + 6 * rounding.unit
    )
    #expect(
      error.stat >= bound.stat / (2 * terms.sum)
        && error.stat <= 2 * bound.stat / (2 * terms.sum) + 6 * rounding.unit)
  }

  @Test(.clause("OPT-1"), arguments: StepSettings.Kind.allCases, [UInt64(31), 32])
  func theReferenceTakesTheSameStepsInFloat64(kind: StepSettings.Kind, seed: UInt64) throws {
    let steps = try run(kind, seed: seed)
    var golden = RecordedSteps(precision: Precision(.float64))
    try StepReference(steps).run(
      begin: { golden.steps.append($0) },
      record: { quantity, name, _, tensor in golden[quantity, name, golden.steps.count - 1] = tensor })
    let verdict = try StepJudge().verdict(on: golden)
    #expect(verdict.outcome == .consistent, "seed \(seed): \(verdict.flagged)")
    let against = try StepJudge().verdict(on: steps, golden: golden)
    for finding in against.findings where finding.stage >= .firstMoment {
      let inherited = try #require(finding.inherited)
      #expect(inherited <= 1e-5, "seed \(seed): \(finding.path) \(inherited)")
    }
  }
}
