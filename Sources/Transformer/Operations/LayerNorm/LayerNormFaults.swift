import TouchstoneGraph

extension LayerNorm: Normalising {
  static let traits: FaultTraits = []
  /// All of them are faults of norms.
  static let faults: [Fault] = []

  var subtractsMean: Bool { true }
  var offset: Double { 0 }
  var isJoined: Bool { false }

  func with(epsilon: Double) -> LayerNorm { LayerNorm(epsilon: epsilon) }
}
