import TouchstoneGraph
import TouchstoneModel

extension ActivationFile {
  /// The extents that an activation must have; nil where the file lacks what decides them.
  ///
  /// - Throws: `BadInput` when what decides them cannot be read.
  func dueShape(of activation: Activation) throws(BadInput) -> [Int]? {
    guard let selection = graph.selection(of: activation) else {
      return graph.shape(of: activation, in: inputs)
    }
    var ids: Tensor<Double>?
    if let decider = selection.decider {
      guard storedShape(of: decider) == graph.shape(of: decider, in: inputs) else { return nil }
      ids = try tensor(decider)
    }
    let tokens = selection.tokens(of: inputs, decidedBy: ids)
    return graph.shape(of: activation, in: inputs.selecting(tokens))
  }

  /// Whether an activation has rows: an expert that no token chose has none, and nothing of it is recorded.
  func isDue(_ activation: Activation) throws(BadInput) -> Bool {
    try dueShape(of: activation)?.first != 0
  }

  /// Holds a golden of sketches to the definition: one of every activation, of the layers that it holds.
  func checkSketches() throws(BadInput) {
    let own = layers.map(graph.activations(of:))
    for activation in graph.operations.map(\.output) where own?.contains(activation) ?? true {
      let place = GoldenFormat.sketchPath(activation)
      guard try file.kind(of: place) == .group else {
        throw BadInput(place: place, problem: "is missing from the golden", remedy: "record it again")
      }
    }
  }

  /// Holds a golden to the definition: every activation of the layers that it holds, each in its shape.
  func checkWhole() throws(BadInput) {
    let blocks = Set(recorded.keys.compactMap(\.block))
    let stacks = layers == nil ? graph.operations.compactMap(\.output.block?.stack) : []
    let own = layers.map(graph.activations(of:))
    for stack in Set(stacks).sorted() {
      let (count, wanted) = (blocks.count { $0.stack == stack }, graph.blockCount(of: stack))
      guard count == wanted else {
        throw BadInput(
          place: stack, problem: "has \(count) of the model's \(wanted) layers",
          remedy: "record the golden again")
      }
    }
    for activation in graph.operations.map(\.output) where own?.contains(activation) ?? true {
      let wanted = try dueShape(of: activation)
      guard let shape = recorded[activation]?.shape else {
        if wanted?.first == 0 { continue }
        throw BadInput(
          place: activation.path, problem: "is missing from the golden", remedy: "record it again")
      }
      guard let wanted, shape == wanted else {
        throw BadInput(
          place: activation.path, problem: "has the shape \(shape) instead of \(wanted ?? [])",
          remedy: "record the golden again")
      }
    }
  }

  /// The values of a dataset, sequences one behind the other; whole numbers as float64.
  func read(_ stored: RecordedDataset) throws(BadInput) -> StoredTensor {
    let bytes = try file.checkedBytes(of: stored.dataset, manifest, isVouchedFor: hasTrustedDigest)
    if stored.isInteger {
      guard let values = stored.dataset.type.integers(bytes), values.allSatisfy({ $0.magnitude < 1 << 53 })
      else {
        throw BadInput(
          file: path, place: stored.dataset.path, problem: "holds a number that is no expert's",
          remedy: "store int32")
      }
      return StoredTensor(Tensor(values.map(Double.init), shape: stored.shape))
    }
    guard let batch = stored.batch else {
      return StoredTensor(type: stored.type, shape: stored.shape, bytes: bytes)
    }
    return batch.packed(StoredTensor(type: stored.type, shape: batch.shape, bytes: bytes))
  }
}
