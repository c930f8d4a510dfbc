import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel

/// A right implementation, in one of the many ways that float32 arithmetic can be right; what it stores may be narrower.
public struct HonestTransformer: Transformer {
  /// The choices it makes.
  public let arithmetic: HonestArithmetic
  /// The model's parameters.
  public let weights: Weights
  /// What parameters and activations are rounded to where they are stored; every operation computes in float32.
  public let precision: Precision
  private let format: NumberFormat

  /// The model it computes.
  public var configuration: Configuration { weights.configuration }

  /// Creates an implementation of one model.
  public init(_ weights: Weights, _ arithmetic: HonestArithmetic, precision: Precision = .float32) {
    self.weights = weights
    self.arithmetic = arithmetic
    self.precision = precision
    format = NumberFormat(precision.type)
  }

  /// Computes a whole sequence and hands over what this kind of implementation has in memory.
  public func forward(_ inputs: Inputs, observe: (Activation, Tensor<Float>) throws -> Void) rethrows {
    var values: [Activation: Tensor<Float>] = [:]
    for operation in configuration.operations {
      var value = compute(operation, inputs, values)
      let isHidden = isHidden(operation.output.point)
      if !isHidden { value = stored(value) }
      values[operation.output] = value
      if !isHidden { try observe(operation.output, value) }
    }
  }

  /// A value as it is when it is read again.
  private func stored(_ value: Tensor<Float>) -> Tensor<Float> {
    guard format.significandBits < 24 else { return value }
    return Tensor(value.values.map { Float(format.round(Double($0))) }, shape: value.shape)
  }

  private func parameter(_ parameter: Parameter) -> Tensor<Float> {
    stored(weights.float32(parameter))
  }

  private func isHidden(_ point: Activation.Point) -> Bool {
    switch point {
    case .attentionOutput, .feedForwardOutput: arithmetic.fusesResidual
    case .attentionScores, .attentionProbabilities: arithmetic.fusesAttention
    default: false
    }
  }

  private func compute(
    _ operation: Operation, _ inputs: Inputs, _ values: [Activation: Tensor<Float>]
  ) -> Tensor<Float> {
    let parameters = operation.parameters.map(parameter)
    let read = operation.inputs.compactMap { values[$0] }
    switch operation.kind {
    case .tokenEmbedding: return rows(inputs.tokenIDs, of: parameters[0])
    case .positionEmbedding: return rows(inputs.positionIDs, of: parameters[0])
    case .sum:
      if arithmetic.fusesResidual, let fused = fusedSum(operation, values) { return fused }
      return Tensor(zip(read[0].values, read[1].values).map(+), shape: read[0].shape)
    case .identity: return read[0]
    case .layerNorm(let epsilon):
      return arithmetic.layerNorm(read[0], parameters[0].values, parameters[1].values, Float(epsilon))
    case .linear:
      return linear(read[0], parameters[0], parameters[1].values, columns: 0..<parameters[0].rowWidth)
    case .headProjection(let part, let headCount):
      let width = parameters[0].rowWidth / 3
      let columns = part * width..<(part + 1) * width
      return split(linear(read[0], parameters[0], parameters[1].values, columns: columns), headCount)
    case .attentionScores(let scale):
      return arithmetic.scores(read[0], read[1], scale: Float(scale), inputs: inputs)
    case .maskedSoftmax: return arithmetic.maskedSoftmax(read[0], inputs: inputs)
    case .attentionContext:
      if arithmetic.fusesAttention,
        let scores = values[Activation(.attentionScores, layer: operation.output.layer ?? 0)]
      {
        return arithmetic.fusedContext(scores, read[1], inputs: inputs)
      }
      return arithmetic.context(read[0], read[1], inputs: inputs)
    case .activationFunction(let function):
      return Tensor(read[0].values.map { arithmetic.activate($0, function) }, shape: read[0].shape)
    case .unembedding: return product(read[0], parameters[0], bias: nil)
    case .softmax:
      let probabilities = (0..<read[0].rowCount).flatMap { arithmetic.softmax(Array(read[0].row($0))) }
      return Tensor(probabilities, shape: read[0].shape)
    }
  }

  private func rows(_ ids: [Int], of table: Tensor<Float>) -> Tensor<Float> {
    Tensor(ids.flatMap { table.row($0) }, shape: [ids.count, table.rowWidth])
  }

  /// x·Wᵀ + b + what is added to, for W [out, in].
  private func product(
    _ x: Tensor<Float>, _ weight: Tensor<Float>, bias: [Float]?, onto stream: Tensor<Float>? = nil
  ) -> Tensor<Float> {
    let columns = (0..<weight.rowCount).map { Array(weight.row($0)) }
    var result = Tensor<Float>(repeating: 0, shape: [x.rowCount, columns.count])
    for row in 0..<x.rowCount {
      let left = Array(x.row(row))
      for (column, right) in columns.enumerated() {
        let start = (bias?[column] ?? 0) + (stream?[row, column] ?? 0)
        result[row, column] = arithmetic.summation.dot(left, right, start: start)
      }
    }
    return result
  }

  private func linear(
    _ x: Tensor<Float>, _ weight: Tensor<Float>, _ bias: [Float], columns: Range<Int>,
    onto stream: Tensor<Float>? = nil
  ) -> Tensor<Float> {
    let transposed = columns.flatMap { column in (0..<weight.rowCount).map { weight[$0, column] } }
    return product(
      x, Tensor(transposed, shape: [columns.count, weight.rowCount]), bias: Array(bias[columns]), onto: stream
    )
  }

  /// The residual stream as an accumulator of the projection that feeds it.
  private func fusedSum(_ operation: Operation, _ values: [Activation: Tensor<Float>]) -> Tensor<Float>? {
    guard let projection = configuration.operations.first(where: { $0.output == operation.inputs[1] }),
      projection.kind == .linear, let x = values[projection.inputs[0]],
      let stream = values[operation.inputs[0]]
    else { return nil }
    let parameters = projection.parameters.map(parameter)
    return linear(
      x, parameters[0], parameters[1].values, columns: 0..<parameters[0].rowWidth, onto: stream)
  }

  private func split(_ x: Tensor<Float>, _ headCount: Int) -> Tensor<Float> {
    let width = x.rowWidth / headCount
    let heads = (0..<headCount).flatMap { head in
      (0..<x.rowCount).flatMap { x.row($0).dropFirst(head * width).prefix(width) }
    }
    return Tensor(heads, shape: [headCount, x.rowCount, width])
  }
}
