import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension ChosenRows: Faulty {
  static let traits: FaultTraits = .copy
  static let faults: [Fault] = [
    rows("first-rows", "an expert is given the first rows instead of its own", "rows are not gathered") {
      _, place, _ in place
    },
    rows(
      "rows-of-token-before", "an expert is given the rows of the tokens before its own",
      "an index is off by one"
    ) {
      tokens, place, _ in max(tokens[place] - 1, 0)
    },
    rows(
      "rows-of-token-behind", "an expert is given the rows of the tokens behind its own",
      "an index is off by one"
    ) {
      tokens, place, count in min(tokens[place] + 1, count - 1)
    },
    rows(
      "rows-reversed", "an expert is given its rows in reverse order", "a list that is filled from its end"
    ) {
      tokens, place, _ in tokens[tokens.count - 1 - place]
    },
  ]

  /// Other rows, by the tokens of the expert, the place among them, and how many tokens there are.
  private static func rows(
    _ id: String, _ name: String, _ practice: String, _ other: @escaping @Sendable ([Int], Int, Int) -> Int
  ) -> Fault {
    Fault("experts.\(id)", name, .wiring, of: ChosenRows.self, practice: practice) { own, site in
      let (x, ids) = (site.activations[0], site.activations[1])
      let tokens = (0..<x.rowCount).filter { ids.row($0).contains(Double(own.expert)) }
      return Tensor(
        tokens.indices.flatMap { x.row(other(tokens, $0, x.rowCount)) }, shape: [tokens.count, x.rowWidth])
    }
  }
}
