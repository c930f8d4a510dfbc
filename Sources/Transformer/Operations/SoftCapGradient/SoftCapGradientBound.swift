import Foundation
import TouchstoneGraph
import TouchstoneModel

extension SoftCapGradient: Bounded {
  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] { ["BWD-11", "BND-55"] }

  var isElementwise: Bool { true }

  /// Clauses: BND-55.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let (input, gradient) = (site.activations[0], site.activations[1])
    let unit = max(rounding.unit, site.storedType.unitRoundoff)
    let bounds = value.values.indices.map { place -> Bound in
      let (x, dy) = (input.values.values[place], gradient.values.values[place])
      guard x.isFinite else { return Bound(rounding.underflow) }
      let t = tanh(x / cap)
      let q = 1 - t * t
      let ofTanh =
        (q == 0 ? 0 : q * 3 * unit * abs(x / cap)) + rounding.ofOwn(rounding.contract.tanh, t, unit)
      let own = abs(dy) * rounding.ofSquaredTanh(t, error: ofTanh, unit) + 3 * unit * abs(value.values[place])
      // The slope of 1 − tanh² is nowhere greater than 0.77.
      let passed =
        q * gradient.distance(at: place)
        + (0.77 / cap * (abs(dy) + gradient.error(at: place).det)) * input.distance(at: place)
      return passed + (own + (2 + abs(dy)) * rounding.underflow)
    }
    return Estimate(values: value, bounds: bounds)
  }

}
