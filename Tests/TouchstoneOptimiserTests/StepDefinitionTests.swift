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
    let plain: Double = adamW().value(.theta, element)
    #expect(plain == 9.5)
    let after: Double = adamW { $0.epsilon = 4 }.value(.theta, element)
    #expect(after == 9.75)
    let inside: Double = adamW { ($0.epsilon, $0.epsilonPlacement) = (9, .inside) }.value(.theta, element)
    #expect(inside == 9.6)
    let before: Double = adamW { ($0.epsilon, $0.epsilonPlacement) = (1, .before) }.value(.theta, element)
    let root: Double = 7.0.squareRoot()
    let denominator: Double = (root + 1) * 4 / root
    let error: Double = before - (10 - 2 / denominator)
    #expect(abs(error) <= 1e-14)
    let decayed: Double = adamW { $0.weightDecay = 0.25 }.value(.theta, element)
    #expect(decayed == 8.25)
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
    (settings.momentum, settings.dampening, settings.weightDecay) = (0.5, 0.75, 0.25)
    // d = 4 + 8/4.
    var element = StepElement(gradient: 4, momentumBefore: 8, thetaBefore: 8)
    #expect(StepArithmetic(settings).momentum(element) == 5.5)
    element.momentumBefore = nil
    #expect(StepArithmetic(settings).momentum(element) == 6.0)
    element.momentum = 3
    #expect(StepArithmetic(settings).value(.theta, element) == 6.5)
    settings.nesterov = true
    #expect(StepArithmetic(settings).value(.theta, element) == 4.25)
    settings.momentum = 0
    #expect(StepArithmetic(settings).value(.theta, element) == 5.0)
  }

  private let u: Double = 0x1p-24
  private let t0: Double = 0x1p-126

  private func isClose(_ left: Double, _ right: Double) -> Bool {
    let difference: Double = abs(left - right)
    return difference <= 1e-9 * right
  }

  @Test(.clause("OPT-14", "OPT-16", "OPT-17", "OPT-18")) func boundsAreThoseOfTheirFormulas() {
    let bound = StepBound(Rounding(.float32))
    let by = adamW { ($0.weightDecay, $0.epsilon) = (0.25, 4) }
    // 2(β₁m + (1 − β₁)g) + (1 − β₁)(g + m) + y
    let ofFirst: Double = 2 * 3 + 0.5 * 6 + 3
    #expect(isClose(bound.value(.firstMoment, element, by, 3), ofFirst * u + 3 * t0))
    // 3β₂v + 4(1 − β₂)g² + (1 − β₂)(v + g²) + y
    let ofSecond: Double = 3 * 6 + 4 * 4 + 0.25 * 24 + 10
    #expect(isClose(bound.value(.secondMoment, element, by, 10), ofSecond * u + 3 * t0))
    // (t + 3)βᵗ/(1 − βᵗ) + 2 of both, the second by half
    let ofCorrections: Double = 5.0 / 3 + 2 + (5.0 * 9 / 7 + 2) / 2
    let y: Double = by.value(.theta, element)
    let relative: Double = (9 + ofCorrections) * u + 2 * t0.squareRoot() / 8
    let ofTheta: Double = 0.25 * relative + u * y + 10 * u * 2.375 + t0
    #expect(isClose(bound.value(.theta, element, by, y), ofTheta))
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
    let bound = StepBound(Rounding(.float32))
    var settings = StepSettings(.sgd, t: 2, lr: 0.5)
    (settings.momentum, settings.dampening, settings.weightDecay) = (0.5, 0.75, 0.25)
    let element = StepElement(gradient: 4, momentumBefore: 8, thetaBefore: 8, momentum: 3)
    // 2λ|θ| + |d|
    let ofDecay: Double = 10 * u + t0
    // 2μ|b| + 2|1 − τ||d| + y
    let ofMomentum: Double = (8 + 3 + 5.5) * u + 0.25 * ofDecay + 3 * t0
    #expect(isClose(bound.value(.momentum, element, StepArithmetic(settings), 5.5), ofMomentum))
    let plain: Double = 3 * u + 6.5 * u + t0
    #expect(isClose(bound.value(.theta, element, StepArithmetic(settings), 6.5), plain))
    settings.nesterov = true
    let ahead: Double = 0.5 * (ofDecay + 3 * u + 3 * 7.5 * u) + 4.25 * u + t0
    #expect(isClose(bound.value(.theta, element, StepArithmetic(settings), 4.25), ahead))
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
    let half: Double = 1 / (2 * terms.sum)
    let rest: Double = 6 * rounding.unit
    #expect(error.det >= half * bound.det)
    #expect(error.det <= half * bound.det + rest)
    #expect(error.stat >= half * bound.stat)
    #expect(error.stat <= 2 * half * bound.stat + rest)
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
