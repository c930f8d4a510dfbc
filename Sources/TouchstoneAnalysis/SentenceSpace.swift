import TouchstoneGraph
import TouchstoneModel

/// Whole texts as vectors, in which nearness means likeness.
public struct SentenceSpace: Sendable {
  /// What of a model's activations stands for a text.
  public enum Pooling: String, Sendable {
    /// The mean of the tokens' last vectors: sentence encoders such as MiniLM (Reimers & Gurevych 2019, §3).
    case mean
    /// The row of the text's end, projected where the model projects it: CLIP.
    case end
  }

  /// How a text's vector is found.
  public let pooling: Pooling
  private let activation: Activation

  /// What a model makes vectors of: the row that it picks for a text's end, or else the vectors of all tokens behind its
  /// last block, and behind the last norm where it has one.
  ///
  /// - Throws: ``BadInput`` for a model that reads a source besides, or has no blocks.
  public init(_ graph: Graph) throws(BadInput) {
    guard !graph.readsSource else {
      throw BadInput(
        place: "sentence", problem: "is given to a model that answers a source",
        remedy: "use an encoder or a decoder alone")
    }
    let picked = graph.operations.last { operation in
      guard case .rows(.picked(let rule))? = graph.axes(of: operation.output)?.first else { return false }
      return rule != .first
    }
    let last = graph.operations.last { operation in
      operation.output.path == "final/ln_f"
        || operation.output.block != nil && operation.output.name == "resid_out"
    }
    guard let output = (picked ?? last)?.output else {
      throw BadInput(
        place: "sentence", problem: "the model has no blocks", remedy: "use an encoder or a decoder")
    }
    (pooling, activation) = (picked == nil ? .mean : .end, output)
  }

  /// The vector of a text, of length 1: [D].
  ///
  /// - Throws: ``BadInput`` for a text whose vector has no direction, or where the implementation does not hand it out; and
  ///   what the implementation throws.
  public func vector(of inputs: Inputs, by transformer: some Transformer) throws -> [Double] {
    var found: Tensor<Double>?
    try transformer.forward(inputs) { activation, tensor in
      if activation == self.activation { found = tensor.converted(to: Double.self) }
    }
    guard let found else {
      throw BadInput(
        place: activation.path, problem: "is not handed out by the implementation",
        remedy: "use another implementation")
    }
    let rows = (0..<found.rowCount).filter { pooling == .end || inputs.attentionMask?[$0] ?? true }
    var mean = [Double](repeating: 0, count: found.rowWidth)
    for row in rows {
      for column in mean.indices { mean[column] += found[row, column] / Double(rows.count) }
    }
    let length = mean.reduce(0) { $0 + $1 * $1 }.squareRoot()
    guard length > 0, length.isFinite else {
      throw BadInput(
        place: "sentence", problem: "has a vector of length \(length), which has no direction",
        remedy: "check the model's weights")
    }
    return mean.map { $0 / length }
  }
}
