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
  ]

  private static func pooled(
    _ id: String, _ name: String, _ practice: String,
    _ other: @escaping @Sendable (Tensor<Double>) -> [Double]
  ) -> Fault {
    Fault("pooling.\(id)", name, .wiring, of: PickedRow.self, practice: practice) { _, site in
      Tensor(other(site.activations[0]), shape: [1, site.activations[0].rowWidth])
    }
  }
}
