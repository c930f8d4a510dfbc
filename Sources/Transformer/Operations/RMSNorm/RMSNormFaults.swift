import TouchstoneGraph

extension RMSNorm: Normalising {
  static let traits: FaultTraits = []
  static let faults: [Fault] = [
    Fault(
      "norm.mean-subtracted", "the mean is subtracted first", .layerNorm, of: RMSNorm.self,
      practice: "LayerNorm for RMSNorm"
    ) { _, site in
      site.normalised { row, _, epsilon in
        let centred = NormRow(values: row.values, subtractsMean: true)
        return centred.scaled(1 / (centred.variance + epsilon).squareRoot())
      }
    },
    variant("sum-for-mean", "squares are added and not averaged", "the length for the root mean square") {
      row, epsilon in
      row.scaled(1 / (row.meanSquare * Double(row.values.count) + epsilon).squareRoot())
    },
    variant("epsilon-averaged", "ε is added to the sum of the squares", "the mean is taken last") {
      row, epsilon in
      row.scaled(1 / (row.meanSquare + epsilon / Double(row.values.count)).squareRoot())
    },
    cast("half", .float16), cast("bfloat16", .bfloat16),
  ]

  /// Normalised by another rule.
  private static func variant(
    _ id: String, _ name: String, _ practice: String,
    _ rule: @escaping @Sendable (NormRow, Double) -> [Double]
  ) -> Fault {
    Fault("norm.\(id)", name, .layerNorm, of: RMSNorm.self, practice: practice) { _, site in
      site.normalised { row, _, epsilon in rule(row, epsilon) }
    }
  }

  /// Rounded before the gain is applied.
  private static func cast(_ id: String, _ format: NumberFormat) -> Fault {
    variant(
      "cast-to-\(id)", "what is normalised is rounded to \(format.name) before its gain",
      "the cast back to the type of the model stands in a model of float32"
    ) { row, epsilon in
      row.scaled(1 / (row.meanSquare + epsilon).squareRoot()).map { format.round($0) }
    }
  }

  var subtractsMean: Bool { false }

  func with(epsilon: Double) -> RMSNorm { RMSNorm(epsilon: epsilon, offset: offset, isJoined: isJoined) }
}
