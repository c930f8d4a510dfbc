import TouchstoneGraph
import TouchstoneModel

extension ReturnedRows: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = [
    fault("not-put-back", "rows are added to the first tokens instead of their own", "rows are not put back")
    {
      site in
      let (ids, rows) = (site.activations[0], Array(site.activations.dropFirst()))
      return site.edited { y in
        y.values = y.values.map { _ in 0 }
        for case let place? in Mixture.places(ids, rowCounts: rows.map(\.rowCount)).joined() {
          for (column, value) in rows[place.expert].row(place.row).enumerated() {
            y[place.row, column] += value
          }
        }
      }
    },
    choices("best-alone", "the best expert alone gives a gradient", "a loop over choices ends after one") {
      slot, _ in slot == 0
    },
    choices("last-choice-missing", "the last choice gives no gradient", "a loop ends one early") {
      $0 != $1 - 1
    },
    fault("overwritten", "the expert of the greatest number overwrites the others", "= for += in a scatter") {
      site in
      site.without { ids, row in ids.max() != ids[row] }
    },
    fault("mean", "what experts give back is averaged", "a mean for a sum") { site in
      site.times(1 / Double(site.activations[0].rowWidth))
    },
    fault("missing", "there is no gradient", "the backward pass ends here") { $0.times(0) },
    fault("twice", "the gradient is added twice", "a buffer is not cleared") { $0.times(2) },
  ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ output: @escaping @Sendable (FaultSite) -> Tensor<Double>?
  ) -> Fault {
    Fault("returned-rows.\(id)", name, .gradient, of: ReturnedRows.self, practice: practice) { output($1) }
  }

  /// Sums of some of the choices of each token, by their slots and K.
  private static func choices(
    _ id: String, _ name: String, _ practice: String, _ counts: @escaping @Sendable (Int, Int) -> Bool
  ) -> Fault {
    fault(id, name, practice) { site in site.without { ids, slot in !counts(slot, ids.count) } }
  }
}

extension FaultSite {
  /// The value without the choices that `leavesOut` says, by the ids of a token and a slot.
  fileprivate func without(_ leavesOut: ([Double], Int) -> Bool) -> Tensor<Double> {
    let (ids, rows) = (activations[0], Array(activations.dropFirst()))
    return edited { y in
      y.values = y.values.map { _ in 0 }
      for (token, choices) in Mixture.places(ids, rowCounts: rows.map(\.rowCount)).enumerated() {
        for case (let slot, let place?) in choices.enumerated() where !leavesOut(Array(ids.row(token)), slot)
        {
          for (column, value) in rows[place.expert].row(place.row).enumerated() { y[token, column] += value }
        }
      }
    }
  }
}
