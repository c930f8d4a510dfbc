import TouchstoneModel

extension Fault {
  /// Every fault of the catalogue; ids are unique and do not change.
  public static let catalogue: [Fault] = [
    attentionFaults, maskFaults, headFaults, layerNormFaults, activationFaults, biasFaults, tailFaults,
    cacheFaults,
    wiringFaults, embeddingFaults,
  ].flatMap { $0 }

  /// The fault of this id, where there is one.
  public static func named(_ id: String) -> Fault? {
    catalogue.first { $0.id == id }
  }

  /// The points that a matrix product makes.
  static let projections: Set<Activation.Point> = [
    .query, .key, .value, .attentionOutput, .feedForwardInput, .feedForwardOutput,
  ]
  /// The points that a LayerNorm makes.
  static let norms: Set<Activation.Point> = [.layerNorm1, .layerNorm2, .finalLayerNorm]
}
