import TouchstoneGraph
import TouchstoneModel

extension PickedRow: Faulty {
  static let traits: FaultTraits = .copy
  static let faults: [Fault] = [
    pooled("last-row", "the last row is picked", "the pooling of another model family") { x in
      Array(x.row(x.rowCount - 1))
    },
    pooled("second-row", "the second row is picked", "the first token is counted as 1") { x in
      Array(x.row(min(1, x.rowCount - 1)))
    },
    pooled("mean-of-rows", "the mean of all rows is taken", "mean pooling for that of the first token") { x in
      (0..<x.rowWidth).map { column in
        (0..<x.rowCount).reduce(0) { $0 + x[$1, column] } / Double(x.rowCount)
      }
    },
    pooled("greatest-of-rows", "the greatest of all rows is taken", "pooling by the maximum") { x in
      (0..<x.rowWidth).map { column in (0..<x.rowCount).map { x[$0, column] }.max() ?? 0 }
    },
    atEnd("first-row", "the first row is picked", "the pooling of encoders in which every token sees all") {
      _, _ in 0
    },
    atEnd("row-before", "the row before is picked", "the end is not counted") { rule, ids in
      max(0, rule.token(of: ids) - 1)
    },
    atEnd(
      "last-of-id", "the last row of the end's id is picked", "padding by the end's own id is taken for it"
    ) {
      rule, ids in ids.lastIndex(of: ids[rule.token(of: ids)]) ?? 0
    },
    atEnd(
      "greatest-id", "the row of the greatest id is picked",
      "the rule of old vocabularies, where the end's id is given"
    ) { rule, ids in rule == .greatestID ? nil : PickedRow.Rule.greatestID.token(of: ids) },
  ]

  /// Of rules that look for the end of a text.
  private static let ends = Place.of(PickedRow.self).filtered { operation, _ in
    (operation.kind.payload as? PickedRow)?.rule != .first
  }

  private static func atEnd(
    _ id: String, _ name: String, _ practice: String, _ other: @escaping @Sendable (Rule, [Int]) -> Int?
  ) -> Fault {
    Fault("pooling.\(id)", name, .wiring, at: ends, practice: practice) { site in
      guard let own = site.operation.kind.payload as? PickedRow,
        let token = other(own.rule, site.inputs.sequenceIDs)
      else { return nil }
      return Tensor(Array(site.activations[0].row(token)), shape: [1, site.activations[0].rowWidth])
    }
  }

  private static func pooled(
    _ id: String, _ name: String, _ practice: String,
    _ other: @escaping @Sendable (Tensor<Double>) -> [Double]
  ) -> Fault {
    Fault("pooling.\(id)", name, .wiring, of: PickedRow.self, practice: practice) { _, site in
      Tensor(other(site.activations[0]), shape: [1, site.activations[0].rowWidth])
    }
  }
}
