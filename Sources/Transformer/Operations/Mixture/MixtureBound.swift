import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Mixture: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["MOE-6", "BND-38"] }

  /// K products and their sum, in any order of the choices; a narrow type may store each of them.
  ///
  /// Clauses: BND-38.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let (ids, weights) = (site.activations[0].values, site.activations[1])
    let outputs = Array(site.activations.dropFirst(2))
    let places = Self.places(ids, rowCounts: outputs.map(\.values.rowCount))
    let type = rounding.precision.type
    let isStored = !rounding.storesExactly(as: type)
    var bounds: [Bound] = []
    for (token, choices) in places.enumerated() {
      for column in 0..<value.rowWidth {
        var (products, passed) = ([Double](), Bound.zero)
        for (slot, place) in choices.enumerated() {
          guard let place else { continue }
          let output = outputs[place.expert]
          let at = place.row * value.rowWidth + column
          let (weight, row) = (weights.values[token, slot], output.values.values[at])
          products.append(weight * row)
          passed += Rounding.ofProduct(
            weight, weights.distance(at: token * ids.rowWidth + slot), row, output.distance(at: at))
        }
        let terms = rounding.terms(ofProducts: products)
        bounds.append(
          rounding.ofSum(terms) + passed
            + (rounding.ofUnderflow(terms, factors: 1) + (isStored ? Self.ofStoring(terms, in: type) : 0)))
      }
    }
    return Estimate(values: value, bounds: bounds)
  }

  /// What storing every product and every sum of some may lose, none being greater than all magnitudes together.
  private static func ofStoring(_ terms: Terms, in type: ScalarType) -> Double {
    terms.absolute.isFinite ? (2 * terms.count - 1) * type.spacing(around: terms.absolute) / 2 : .infinity
  }
}
