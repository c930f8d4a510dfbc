import TouchstoneGraph
import TouchstoneModel

extension Fault {
  /// Every fault of the catalogue; ids are unique and do not change.
  public static let catalogue: [Fault] = [
    embeddingFaults, layerNormFaults, headFaults, attentionFaults, cacheFaults, maskFaults, softmaxFaults,
    activationFaults, weightFaults, biasFaults, tailFaults, stalenessFaults, precisionFaults, wiringFaults,
    readoutFaults,
  ].flatMap { $0 }

  /// The fault of this id, where there is one.
  public static func named(_ id: String) -> Fault? {
    catalogue.first { $0.id == id }
  }

  /// The points that a matrix product with a bias makes.
  static let projections: Set<Activation.Point> = [
    .query, .key, .value, .attentionOutput, .feedForwardInput, .feedForwardOutput,
  ]
  /// The points that a product with a matrix of weights makes.
  static let products = projections.union([.logits])
  /// The points that a LayerNorm makes.
  static let norms: Set<Activation.Point> = [.layerNorm1, .layerNorm2, .finalLayerNorm]
  /// The points that more is done for than handing a value on.
  static let everyComputed = products.union(norms).union([
    .embeddingSum, .attentionScores, .attentionProbabilities, .attentionContext, .residualMiddle,
    .feedForwardActivation, .residualOut, .probabilities,
  ])
}
