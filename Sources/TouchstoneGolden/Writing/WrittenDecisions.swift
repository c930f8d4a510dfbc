import TouchstoneGraph
import TouchstoneModel

/// Decisions, of which the shapes of other activations follow.
extension ActivationFileWriter {
  /// How many tokens an activation has rows of: those that chose an expert, which is written before what it makes.
  func tokenCount(of activation: Activation, _ tensor: StoredTensor) -> Int {
    guard let selection = graph.selection(of: activation) else { return inputs.count }
    let ids = selection.decider.flatMap { decided[$0] }
    // An engine that does not say which tokens they are is taken at its word.
    if selection.decider != nil, ids == nil { return tensor.shape.first ?? 0 }
    return selection.tokens(of: inputs.count, decidedBy: ids).count
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
        selection.tokens(of: inputs.count, decidedBy: ids).isEmpty
      {
        continue
      }
      throw BadInput(
        place: operation.output.path, problem: "is missing from the golden", remedy: "write it too")
    }
  }
}
