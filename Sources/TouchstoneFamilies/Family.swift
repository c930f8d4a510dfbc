import TouchstoneGraph

/// A family of models as data: which `config.json` it reads, the graph that follows, how its checkpoints name tensors.
public struct Family: Sendable {
  /// Its name in a golden file.
  public let name: String
  /// The values of `model_type` that it reads.
  public let modelTypes: [String]
  /// How its checkpoints spell and pad what the graph names.
  public let tensors: TensorNames
  /// The model that a configuration describes.
  ///
  /// It throws ``BadInput`` naming a field, by its Hugging Face name, that is missing or cannot be.
  public let graph: @Sendable (inout ConfigFields) throws(BadInput) -> Graph

  /// Declares a family.
  public init(
    _ name: String, modelTypes: [String], tensors: TensorNames,
    graph: @escaping @Sendable (inout ConfigFields) throws(BadInput) -> Graph
  ) {
    self.name = name
    self.modelTypes = modelTypes
    self.tensors = tensors
    self.graph = graph
  }

  /// Every family that there is.
  public static let all: [Family] = [.gpt2, .llama]
}
