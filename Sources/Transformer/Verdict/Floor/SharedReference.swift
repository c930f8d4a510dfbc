import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// The reference on all cores, for models that are large: the same numbers, sooner and in less memory.
///
/// Clauses: NUM-19.
public struct SharedReference: Transformer {
  private let weights: Weights

  /// The model it computes.
  public var graph: Graph { weights.graph }

  /// The reference of one model.
  public init(_ weights: Weights) {
    self.weights = weights
  }

  /// Computes a whole sequence and hands every activation to `observe`, in the order of computation.
  ///
  /// Clauses: NUM-19.
  public func forward(
    _ inputs: Inputs, observe: (Activation, Tensor<Double>) throws -> Void
  ) rethrows {
    try forward(inputs, through: nil, observe: observe)
  }

  /// The same, no further than the last operation of some layers; nil for all.
  ///
  /// Clauses: NUM-19.
  public func forward(
    _ inputs: Inputs, through layers: LayerRange?, observe: (Activation, Tensor<Double>) throws -> Void
  ) rethrows {
    try Executor(weights, inputs).walk(
      through: layers.map(graph.prefix(through:)), from: { _ in nil },
      computing: { operation, activations, inputs in
        defer { weights.release(operation) }
        return PreparedOperation(operation, of: weights).referenceValue(of: activations, in: inputs)
      }, observing: observe)
  }
}

extension PreparedOperation {
  /// Outputs of a piece: enough to make its one transposition of the input cheap, few enough for all cores and for the
  /// memory of a widened piece.
  private static let pieceWidth = 128

  /// What the reference makes of what it reads: of a product its own loops over some columns of the matrix at a time, shared
  /// out among all cores.
  func referenceValue(of activations: [Tensor<Double>], in inputs: Inputs) -> Tensor<Double> {
    guard let product = operation.kind.payload as? Linear else { return value(of: activations, in: inputs) }
    let (x, pieces) = (activations[0], operands.map { ParameterPieces($0.stored, $0.view) })
    let (rows, outputs, width) = (x.rowCount, operands[0].view.outputCount, Self.pieceWidth)
    let headWidth = outputs / (product.heads ?? 1)
    let plain = Linear(limit: product.limit)
    let values = [Double](count: rows * outputs) { values in
      _ = (0..<(outputs + width - 1) / width).concurrentMap { piece in
        let range = piece * width..<min(outputs, (piece + 1) * width)
        let y = plain.value(Operands([x], parameters: pieces.map { $0[range] }), in: inputs)
        for row in 0..<rows {
          for output in range {
            let (head, column) = output.quotientAndRemainder(dividingBy: headWidth)
            values.set((head * rows + row) * headWidth + column, y[row, output - range.lowerBound])
          }
        }
      }
    }
    return Tensor(values, shape: (product.heads.map { [$0] } ?? []) + [rows, headWidth])
  }
}

extension Weights {
  /// Gives back the memory of a mapped file that an operation's parameters take.
  func release(_ operation: Operation) {
    for view in operation.parameters { stored[view.parameter.name]?.release() }
  }
}
