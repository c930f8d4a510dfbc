import TouchstoneGraph
import TouchstoneModel

extension ReturnedRows: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["BWD-20", "BND-52"] }

  func addedParts(of _: Operation) -> Int { choices }

  /// A sum of K terms in any order; a narrow type may store each sum of some.
  ///
  /// Clauses: BND-52.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let rows = Array(site.activations.dropFirst())
    let places = Mixture.places(site.activations[0].values, rowCounts: rows.map(\.values.rowCount))
    let (width, type) = (value.rowWidth, rounding.precision.type)
    let isStored = !rounding.storesExactly(as: type)
    var bounds: [Bound] = []
    bounds.reserveCapacity(value.count)
    for choices in places {
      let own = choices.compactMap(\.self)
      for column in 0..<width {
        let terms = rounding.terms(own.map { rows[$0.expert].values[$0.row, column] })
        var bound = rounding.ofSum(terms) + terms.count * rounding.underflow
        for place in own { bound += rows[place.expert].distance(at: place.row * width + column) }
        if isStored, terms.count > 2 {
          bound += (terms.count - 2) * type.spacing(around: terms.absolute) / 2
        }
        bounds.append(bound)
      }
    }
    return Estimate(values: value, bounds: bounds)
  }
}
