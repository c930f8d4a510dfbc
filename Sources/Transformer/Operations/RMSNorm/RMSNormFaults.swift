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
    }
  ]

  var subtractsMean: Bool { false }

  func with(epsilon: Double) -> RMSNorm { RMSNorm(epsilon: epsilon, offset: offset, isJoined: isJoined) }
}
