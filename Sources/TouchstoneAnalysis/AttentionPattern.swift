import TouchstoneGraph
import TouchstoneModel

/// Which tokens each token of a sequence attends to, in one block.
public struct AttentionPattern: Sendable {
  /// Which attention of a model.
  public enum Part: String, Sendable, CaseIterable {
    /// The tokens' own: of the decoder, where there are two stacks.
    case own
    /// The source's own, in an encoder-decoder.
    case encoder
    /// To the source, in an encoder-decoder.
    case cross
  }

  /// The block, from 0.
  public let layer: Int
  /// What asks.
  public let inputs: Inputs
  /// What is asked: the same, or the source.
  public let keys: Inputs
  /// The weights, rows are queries and columns keys: [H, T, T], or [H, T, S].
  public let probabilities: Tensor<Double>
  /// Whether no token sees a later one.
  public let isCausal: Bool

  /// The number of heads.
  public var headCount: Int { probabilities.shape[0] }
}

extension AttentionPattern {
  /// Runs an implementation on `inputs` and keeps the attention of the block `layer`.
  ///
  /// - Throws: ``BadInput`` when there is no such block or part; and what the implementation throws.
  public init(of transformer: some Transformer, inputs: Inputs, layer: Int, part: Part = .own) throws {
    let graph = transformer.graph
    let all = graph.operations.compactMap { operation -> (output: Activation, rule: Visibility)? in
      guard case .probabilities(let kind) = operation.kind,
        graph.isOfSource(operation.output) == (part == .encoder),
        kind.visibility.readsSource == (part == .cross)
      else { return nil }
      return (operation.output, kind.visibility)
    }
    guard !all.isEmpty else {
      throw BadInput(
        place: "part", problem: "the model has no attention of the part \(part.rawValue)",
        remedy: "leave it out, or give an encoder-decoder")
    }
    guard let wanted = all.first(where: { $0.output.layer == layer }) else {
      throw BadInput(
        place: "layer", problem: "\(layer) is outside 0…\(all.count - 1)", remedy: "name a layer of the model"
      )
    }
    var found: Tensor<Double>?
    try transformer.forward(inputs) { activation, tensor in
      if activation == wanted.output { found = tensor.converted(to: Double.self) }
    }
    guard let found else {
      throw BadInput(
        place: "layer \(layer)", problem: "the implementation does not hand out its attention weights",
        remedy: "use another implementation")
    }
    self.layer = layer
    self.inputs = part == .encoder ? inputs.source ?? inputs : inputs
    keys = part == .own ? inputs : inputs.source ?? inputs
    isCausal = wanted.rule.isCausal
    probabilities = found
  }

  /// The keys that a query can see, masked or not.
  public func keys(seenFrom query: Int) -> Range<Int> { 0..<(isCausal ? query + 1 : keys.count) }

  /// The weights of one head: [T, T], or [T, S].
  public func head(_ head: Int) -> Tensor<Double> {
    let shape = Array(probabilities.shape.dropFirst())
    let size = shape[0] * shape[1]
    return Tensor(Array(probabilities.values[head * size..<(head + 1) * size]), shape: shape)
  }
}
