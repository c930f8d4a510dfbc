import TouchstoneGraph
import TouchstoneModel

extension Sum: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = [
    Fault(
      "position.missing", "positions are not added", .embedding, at: .embeddingSums,
      practice: "a model with rotary positions is assumed"
    ) { $0.activations[0] },
    Fault(
      "embedding.position-twice", "the position is added twice", .embedding, at: .embeddingSums,
      practice: "a table that already holds it"
    ) { site in site.evaluated().adding(site.activations[1]) },
  ]
}

extension Tensor<Double> {
  /// The sum with a tensor of the same shape.
  func adding(_ other: Tensor<Double>) -> Tensor<Double> {
    Tensor(zip(values, other.values).map { $0 + $1 }, shape: shape)
  }
}
