import TouchstoneGraph
import TouchstoneModel

extension Alibi: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] {
    ["ALI-1", form == .bloom ? "ALI-2" : "ALI-3", "BND-30"]
  }

  /// A power, found by itself or multiplied up from head to head, times a whole number.
  ///
  /// Clauses: BND-30.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let size = site.inputs.count * site.inputs.count
    let bounds = value.values.enumerated().map { offset, value in
      Bound(roundings(ofSlope: offset / size) * rounding.unit * abs(value) + rounding.underflow)
    }
    return Estimate(values: value, bounds: bounds)
  }

  /// The relative error of a slope and its product, in units of u.
  ///
  /// A series that is multiplied up rounds its factor and a product in each term; exp2 of an exponent of at most 8 errs by
  /// 8·ln 2 and itself. Then there is the product with the place.
  private func roundings(ofSlope head: Int) -> Double { 2 * Double(slope(of: head).term) + 13 }
}
