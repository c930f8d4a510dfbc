import TouchstoneGraph
import TouchstoneModel

extension Scale: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["GRA-8", "BND-21"] }

  var making: Making { .combined }
  var isByRow: Bool { true }
  var isElementwise: Bool { true }

  /// One rounding of the product; the factor may be held in the type of the arithmetic.
  ///
  /// Clauses: BND-21.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let input = site.activations[0]
    let unit = max(rounding.unit, rounding.precision.type.unitRoundoff)
    let bounds = value.values.indices.map { offset in
      abs(factor) * input.distance(at: offset)
        + ((unit + rounding.unit) * abs(value.values[offset]) + rounding.underflow)
    }
    return Estimate(values: value, bounds: bounds)
  }

  var waysToRoundOnce: [Alternative] {
    [
      Alternative(policy: .roundedOnce, roundsOnce: true),
      Alternative(policy: .constantInType, roundsOnce: true, holdsFactor: true),
    ]
  }

  func estimate(
    _ site: JudgedSite, by alternative: Alternative, recorded _: Tensor<Double>?, _ rounding: Rounding
  ) -> Estimate? {
    guard alternative.holdsFactor else { return nil }
    let held = Scale(by: rounding.precision.type.rounded(factor))
    return held.estimate(site, rounding.unstored)
  }
}
