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

  /// What Hugging Face's code does with the row of padding in the table of tokens.
  public enum Padding: Sendable {
    /// It learns it as any other.
    case learned
    /// It does not learn that of `pad_token_id` (PyTorch's `padding_idx`), or of this id where `config.json` has none.
    case unlearned(Int?)
  }

  /// What Hugging Face's code does with the row of padding.
  public let padding: Padding

  /// Declares a family.
  public init(
    _ name: String, modelTypes: [String], padding: Padding = .unlearned(nil), tensors: TensorNames,
    storedConfig: (@Sendable (Graph) throws(BadInput) -> String)? = nil,
    graph: @escaping @Sendable (inout ConfigFields) throws(BadInput) -> Graph
  ) {
    self.name = name
    self.modelTypes = modelTypes
    self.tensors = tensors
    self.padding = padding
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
