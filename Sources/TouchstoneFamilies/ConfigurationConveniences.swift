import TouchstoneGraph
import TouchstoneModel

// What belongs to a model of the GPT-2 form, by its configuration.

extension Weights {
  /// Takes, out of `tensors` by Hugging Face name (with `transformer.` or without), what the model needs.
  ///
  /// - Throws: ``BadInput`` as ``init(graph:names:tensors:)`` does.
  public init(configuration: Configuration, tensors: [String: StoredTensor]) throws(BadInput) {
    try self.init(graph: configuration.graph, names: Family.gpt2.tensors, tensors: tensors)
  }
}

extension Inputs {
  /// Checks the ids against the tables of a model of the GPT-2 form.
  ///
  /// - Throws: ``BadInput`` as ``init(tokenIDs:positionIDs:attentionMask:graph:)`` does.
  public init(
    tokenIDs: [Int], positionIDs: [Int]? = nil, attentionMask: [Bool]? = nil, configuration: Configuration
  ) throws(BadInput) {
    try self.init(
      tokenIDs: tokenIDs, positionIDs: positionIDs, attentionMask: attentionMask, graph: configuration.graph)
  }
}
