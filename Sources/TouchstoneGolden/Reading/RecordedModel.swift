import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

/// The model that a golden or a capture speaks of.
public struct RecordedModel: Sendable {
  /// The name of its family.
  public let family: String
  /// The operations of its forward pass, which a golden stores.
  public let forwardGraph: Graph
  /// What it is trained for, where the file holds the backward pass as well; nil where it does not.
  public private(set) var loss: Loss?
  /// How it cuts samples that it hears; nil where it hears none.
  public private(set) var frontEnd: FrontEnd?
  /// Its operations: those of the forward pass, and where there is a loss, of that and of the backward pass.
  public private(set) var graph: Graph
  /// How checkpoints of the family spell what the graph names.
  public let tensors: TensorNames
  /// Its configuration, as Hugging Face's `config.json`.
  public let configJSON: String
  /// Whether the graph is the golden's own, because its family is none of ``Family/all``.
  public let hasOwnGraph: Bool

  /// A model of a family that the program holds.
  public init(_ architecture: Architecture) {
    family = architecture.family.name
    forwardGraph = architecture.graph
    graph = architecture.graph
    tensors = architecture.family.tensors
    configJSON = architecture.configJSON
    hasOwnGraph = false
  }

  /// A model of a family that only the file knows.
  public init(family: String, graph: Graph, configJSON: String) {
    self.family = family
    forwardGraph = graph
    self.graph = graph
    self.configJSON = configJSON
    tensors = TensorNames(root: "")
    hasOwnGraph = true
  }

  /// The same model with a loss and the backward pass; nil for the forward pass alone.
  ///
  /// - Throws: ``BadInput`` where the model has no such pass.
  public func trained(for loss: Loss?) throws(BadInput) -> RecordedModel {
    var model = self
    model.loss = loss
    model.graph = try model.derived()
    return model
  }

  /// The same model that makes its features itself, of samples; itself where no front end is given.
  ///
  /// - Throws: ``BadInput`` for a model that hears none.
  public func listening(by frontEnd: FrontEnd?) throws(BadInput) -> RecordedModel {
    var model = self
    model.frontEnd = frontEnd
    model.graph = try model.derived()
    return model
  }

  /// The forward pass, which may begin with samples, and the backward pass where there is a loss.
  private func derived() throws(BadInput) -> Graph {
    let hearing = try forwardGraph.listening(by: frontEnd)
    return try loss.map { loss throws(BadInput) in try hearing.differentiated(by: loss) } ?? hearing
  }

  /// The model in one line.
  public var line: String {
    if let configuration = try? Configuration(forwardGraph) { return configuration.line }
    let layers = graph.layerCount
    let parts = [
      family, "\(layers) layer\(layers == 1 ? "" : "s")", "\(forwardGraph.operations.count) operations",
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
