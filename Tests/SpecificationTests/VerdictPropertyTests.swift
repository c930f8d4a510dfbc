import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneProperties
import TouchstoneReference
import TouchstoneTestSupport
@testable import TouchstoneVerdict

/// What chapter 12 says of the bounds.
@Suite struct VerdictPropertyTests {
  @Test(.clause("NUM-12"))
  func theBoundsAreOrdered() {
    expectHolds("stat ≤ prob ≤ det", of: Row.self) { row in
      let rounding = Rounding(.float32)
      let bound = rounding.ofSum(rounding.terms(row.values.map { $0.isFinite ? $0 : 0 }))
      return bound.stat <= bound.prob && bound.prob <= bound.det ? nil : "\(bound)"
    }
  }

  @Test(.clause("NUM-4"))
  func noOrderOfSummationExceedsDet() {
    expectHolds("det", of: Row.self) { row in
      let terms = row.values.map { Float($0.isFinite ? max(-1e30, min(1e30, $0)) : 1) }
      let rounding = Rounding(.float32)
      let exact = terms.map(Double.init)
      let bound = rounding.ofSum(rounding.terms(exact))
      let want = exact.reduce(0, +)
      for order in [terms, terms.reversed(), terms.sorted(), terms.sorted { abs($0) > abs($1) }] {
        let error = abs(Double(order.reduce(0, +)) - want)
        // The exact sum is itself rounded to float64.
        let slack = Double(terms.count) * 0x1p-52 * exact.map(abs).reduce(0, +)
        if !(error <= bound.det + slack) { return "an order misses by \(error), det is \(bound.det)" }
      }
      return nil
    }
  }

  @Test(.clause("NUM-9"))
  func aNaNIsNeverWithinABound() {
    expectHolds("NaN", of: ModelCase.self, cases: 10) { generated in
      let model = try generated.model()
      let right = try Engine.rounding.run(model, generated.inputs()).activations
      for point in [
        Activation(.layerNorm1, layer: 0), Activation(.feedForwardOutput, layer: 0), Activation(.logits),
      ] {
        var spoilt = right
        spoilt.tensors[point]?.values[0] = .nan
        let verdict = try Judge(weights: model.weights()).verdict(on: spoilt)
        if verdict.outcome != .mismatch { return "a NaN in \(point) is \(verdict.outcome)" }
      }
      return nil
    }
  }

  @Test(.clause("NUM-8"))
  func resultsBelowTheNormalRangeMayBeFlushed() {
    let flushing = Engine.double("flush to zero") { site in
      var value = site.value()
      for index in value.values.indices where abs(value.values[index]) < 0x1p-126 { value.values[index] = 0 }
      return value
    }
    expectHolds("flush to zero", of: ModelCase.self, cases: 10) { generated in
      let model = try generated.model().neutralising(.attentionOutputBias)
        .changing(.attentionOutputWeight) { value, _ in value * 0x1p-127 }
      let run = try flushing.run(model, generated.inputs())
      let verdict = try Judge(weights: model.weights()).verdict(on: run.activations)
      return verdict.outcome == .consistent ? nil : "\(verdict.flagged)"
    }
  }
}
