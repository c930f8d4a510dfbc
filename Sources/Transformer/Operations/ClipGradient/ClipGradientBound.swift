import TouchstoneGraph
import TouchstoneModel

extension ClipGradient: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["BWD-16", "BND-57"] }

  var making: Making { .handedOn }
  var isElementwise: Bool { true }

  /// What is handed on errs by no more than it did; where x may lie on either side of the limit, either is right.
  ///
  /// Clauses: BND-57.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let (gradient, input) = (site.activations[0], site.activations[1])
    // A narrow type often rounds what is within the limit to the limit itself.
    let isNarrow = rounding.precision.type.isNarrow
    let bounds = value.values.indices.map { place -> Bound in
      let (x, dy) = (input.values.values[place], gradient.values.values[place])
      let either =
        isOfClipped && isNarrow && abs(x) == limit
        ? Bound(abs(dy)) : input.distance(at: place).map { abs(abs(x) - limit) < $0 ? abs(dy) : 0 }
      return gradient.error(at: place) + either
    }
    return Estimate(values: value, bounds: bounds)
  }
}
