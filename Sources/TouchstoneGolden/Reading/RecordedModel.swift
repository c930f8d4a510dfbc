import TouchstoneFamilies
import TouchstoneGraph

/// The model that a golden or a capture speaks of.
public struct RecordedModel: Sendable {
  /// The name of its family.
  public let family: String
  /// Its operations.
  public let graph: Graph
  /// How checkpoints of the family spell what the graph names.
  public let tensors: TensorNames
  /// Its configuration, as Hugging Face's `config.json`.
  public let configJSON: String
  /// Whether the graph is the golden's own, because its family is none of ``Family/all``.
  public let hasOwnGraph: Bool

  /// A model of a family that the program holds.
  public init(_ architecture: Architecture) {
    family = architecture.family.name
    graph = architecture.graph
    tensors = architecture.family.tensors
    configJSON = architecture.configJSON
    hasOwnGraph = false
  }

  /// A model of a family that only the file knows.
  public init(family: String, graph: Graph, configJSON: String) {
    self.family = family
    self.graph = graph
    self.configJSON = configJSON
    tensors = TensorNames(root: "")
    hasOwnGraph = true
  }

  /// The model in one line.
  public var line: String {
    if let configuration = try? Configuration(graph) { return configuration.line }
    let layers = graph.layerCount
    let parts = [
      family, "\(layers) layer\(layers == 1 ? "" : "s")", "\(graph.operations.count) operations",
      "\(graph.parameterCount) parameters in \(graph.parameters.count) tensors",
      graph.vocabularySize.map { "vocabulary \($0)" }, graph.contextLength.map { "context \($0)" },
      hasOwnGraph ? "the graph is the file's own" : nil,
    ]
    return parts.compactMap { $0 }.joined(separator: ", ")
  }
}

extension Configuration {
  /// The shape of the model in one line.
  fileprivate var line: String {
    "\(layerCount) layer\(layerCount == 1 ? "" : "s") of width \(width), "
      + "\(headCount) head\(headCount == 1 ? "" : "s") of \(headWidth), "
      + "feed-forward \(feedForwardWidth) (\(Self.name(of: activationFunction))), vocabulary \(vocabularySize), "
      + "context \(contextLength), epsilon \(layerNormEpsilon), "
      + "\(tiesEmbeddings ? "tied" : "separate") unembedding"
  }
}
