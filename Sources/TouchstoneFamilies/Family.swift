import TouchstoneGraph
import TouchstoneModel

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

  /// The configuration as golden files hold it, from the graph alone; nil where they hold the fields that were read.
  ///
  /// It throws ``BadInput`` for a graph of another family.
  public let storedConfig: (@Sendable (Graph) throws(BadInput) -> String)?

  /// Whether Hugging Face's code learns the row of padding as any other: its table of tokens has no `padding_idx`.
  public let learnsPadding: Bool

  /// Declares a family.
  public init(
    _ name: String, modelTypes: [String], learnsPadding: Bool = false, tensors: TensorNames,
    storedConfig: (@Sendable (Graph) throws(BadInput) -> String)? = nil,
    graph: @escaping @Sendable (inout ConfigFields) throws(BadInput) -> Graph
  ) {
    self.name = name
    self.modelTypes = modelTypes
    self.tensors = tensors
    self.learnsPadding = learnsPadding
    self.storedConfig = storedConfig
    self.graph = graph
  }

  /// Every family that there is.
  public static let all: [Family] = [
    .gpt2,
    .llama,
    .qwen2,
    .qwen3,
    .mistral,
    .gemma,
    .gemma2,
    .gemma3,
    .olmo2,
    .phi3,
    .gptNeoX,
    .gptj,
    .phi,
    .falcon,
    .starCoder2,
    .opt,
    .bloom,
    .mpt,
    .imageGPT,
    .mixtral,
    .qwen3MoE,
    .gptOSS,
    .deepSeekV2,
    .deepSeekV3,
    .bert,
    .roberta,
    .distilBERT,
    .modernBERT,
    .t5,
    .bart,
    .marian,
    .whisper,
    .clipText,
    .clipVision,
    .vit,
    .ditBlock,
  ]
}
