import TouchstoneGraph
import TouchstoneModel

extension Mixture: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = [
    weights("unweighted", "what the experts made is added without their weights", "weights are never applied")
    {
      $0.map { _ in 1 }
    },
    weights("mean", "what the experts made is averaged", "a mean is taken for a weighted sum") { row in
      row.map { _ in 1 / Double(row.count) }
    },
    weights("best-alone", "the best expert alone counts", "a loop over choices ends after one") { row in
      row.enumerated().map { $0 == 0 ? $1 : 0 }
    },
    weights("last-choice-missing", "the last choice is left out", "a loop over choices ends one early") {
      row in row.enumerated().map { $0 == row.count - 1 ? 0 : $1 }
    },
    weights("weighted-twice", "what the experts made is weighted twice", "kernel and caller both weigh it") {
      $0.map { $0 * $0 }
    },
    weights("weights-exchanged", "choices have each other's weights", "weights are read from the last on") {
      $0.reversed()
    },
    Fault(
      "experts.not-scattered", "what an expert made is added to the first tokens instead of its own", .wiring,
      of: Mixture.self, practice: "rows are not put back"
    ) { _, site in
      let (ids, weights) = (site.activations[0], site.activations[1])
      let outputs = Array(site.activations.dropFirst(2))
      return site.edited { y in
        y.values = y.values.map { _ in 0 }
        for (token, choices) in places(ids, rowCounts: outputs.map(\.rowCount)).enumerated() {
          for case (let slot, let place?) in choices.enumerated() {
            for (column, value) in outputs[place.expert].row(place.row).enumerated() {
              y[place.row, column] += weights[token, slot] * value
            }
          }
        }
      }
    },
    Fault(
      "experts.overwritten", "the expert of the greatest number overwrites the others", .wiring,
      of: Mixture.self, practice: "rows are written where they are to be added"
    ) { _, site in
      site.evaluated(changing: 1) { weights in
        let ids = site.activations[0]
        for token in 0..<ids.rowCount {
          let last = ids.row(token).max() ?? 0
          for slot in 0..<ids.rowWidth where ids[token, slot] != last { weights[token, slot] = 0 }
        }
      }
    },
  ]

  /// Other weights of a token.
  private static func weights(
    _ id: String, _ name: String, _ practice: String, _ other: @escaping @Sendable ([Double]) -> [Double]
  ) -> Fault {
    Fault("experts.\(id)", name, .wiring, of: Mixture.self, practice: practice) { _, site in
      site.evaluated(changing: 1) { weights in
        for token in 0..<weights.rowCount {
          for (slot, weight) in other(Array(weights.row(token))).enumerated() {
            weights[token, slot] = weight
          }
        }
      }
    }
  }
}
