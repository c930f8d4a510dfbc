import TouchstoneGraph
import TouchstoneModel

/// Decisions, of which the shapes of other activations follow.
extension ActivationFileWriter {
  /// The extents that an activation must have; nil where it is not the model's.
  ///
  /// Where tokens chose an expert, of these, which are written before what it makes.
  func shape(of activation: Activation, _ tensor: StoredTensor) -> [Int]? {
    guard let selection = graph.selection(of: activation) else {
      return graph.shape(of: activation, in: inputs)
    }
    let ids = selection.decider.flatMap { decided[$0] }
    // An engine that does not say which tokens they are is taken at its word.
    let isUnsaid = selection.decider != nil && ids == nil
    let count =
      isUnsaid ? tensor.shape.first ?? 0 : selection.tokens(of: inputs, decidedBy: ids).count
    return graph.shape(of: activation, tokenCount: count)
  }

  func wholeNumbers(_ tensor: StoredTensor, at activation: Activation) throws(BadInput) -> [Int32] {
    var ids: [Int32] = []
    for value in tensor.float64().values {
      guard let id = Int32(exactly: value) else {
        throw BadInput(
          place: activation.path, problem: "holds \(value), which is no expert's number",
          remedy: "number experts from 0")
      }
      ids.append(id.littleEndian)
    }
    return ids
  }

  /// Whether a golden has every activation that it must have.
  func checkWhole() throws(BadInput) {
    let own = layers.map(graph.activations(of:))
    for operation in graph.operations
    where own?.contains(operation.output) ?? true && manifest.entries[path(of: operation.output)] == nil {
      let selection = graph.selection(of: operation.output)
      if let selection, let ids = selection.decider.flatMap({ decided[$0] }),
        selection.tokens(of: inputs, decidedBy: ids).isEmpty
      {
        continue
      }
      throw BadInput(
        place: operation.output.path, problem: "is missing from the golden", remedy: "write it too")
    }
  }
}
