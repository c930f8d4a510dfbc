import TouchstoneGraph
import TouchstoneModel

/// Which tokens each token of a sequence attends to, in one block.
public struct AttentionPattern: Sendable {
  /// The block, from 0.
  public let layer: Int
  /// What was read.
  public let inputs: Inputs
  /// The weights, rows are queries and columns keys: [H, T, T].
  public let probabilities: Tensor<Double>

  /// The number of heads.
  public var headCount: Int { probabilities.shape[0] }

  /// Runs an implementation on `inputs` and keeps the attention of the block `layer`.
  ///
  /// - Throws: ``BadInput`` when there is no such block; and what the implementation throws.
  public init(of transformer: some Transformer, inputs: Inputs, layer: Int) throws {
    let layerCount = transformer.graph.layerCount
    guard (0..<layerCount).contains(layer) else {
      throw BadInput(
        place: "layer", problem: "\(layer) is outside 0…\(layerCount - 1)",
        remedy: "name a layer of the model")
    }
    let wanted = transformer.graph.operations.first { operation in
      if case .probabilities = operation.kind { operation.output.layer == layer } else { false }
    }
    var found: Tensor<Double>?
    try transformer.forward(inputs) { activation, tensor in
      if activation == wanted?.output {
        found = tensor.converted(to: Double.self)
      }
    }
    guard let found else {
      throw BadInput(
        place: "layer \(layer)", problem: "the implementation does not hand out its attention weights",
        remedy: "use another implementation")
    }
    self.layer = layer
    self.inputs = inputs
    probabilities = found
  }

  /// The weights of one head: [T, T].
  public func head(_ head: Int) -> Tensor<Double> {
    let size = inputs.count * inputs.count
    return Tensor(
      Array(probabilities.values[head * size..<(head + 1) * size]), shape: [inputs.count, inputs.count])
  }
}
