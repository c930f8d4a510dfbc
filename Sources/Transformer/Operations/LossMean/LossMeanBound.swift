import TouchstoneGraph
import TouchstoneModel

extension LossMean: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["LOS-4", "BND-50"] }

  /// A sum in any order, and its division.
  ///
  /// Clauses: BND-50.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let losses = site.activations[0]
    let factor = 1 / loss.divisor(of: site.inputs)
    var bound = rounding.ofSum(rounding.terms(losses.values.values))
    for place in losses.values.values.indices { bound += losses.distance(at: place) }
    return Estimate(
      values: value,
      bounds: [factor * bound + (3 * rounding.unit * abs(value.values[0]) + 2 * rounding.underflow)])
  }
}
