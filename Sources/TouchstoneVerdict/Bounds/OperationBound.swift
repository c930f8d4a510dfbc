import TouchstoneModel
import TouchstoneReference

/// A parameter as the definition reads it, and the rounding that the arithmetic is granted on it.
struct ParameterOperand {
  let values: Tensor<Double>
  let roundoff: Double
}

extension Rounding {
  /// What one operation gives by the definition, and how far an implementation's output may lie from it.
  ///
  /// The rounding of storing the output is not included.
  func estimate(
    _ operation: Operation, _ operands: [Operand], _ parameters: [ParameterOperand], inputs: Inputs,
    temperature: Double
  ) -> Estimate {
    let value = evaluate(
      operation, activations: operands.map(\.values), parameters: parameters.map(\.values), inputs: inputs,
      temperature: temperature)
    return Estimate(
      values: value,
      bounds: bounds(of: operation, value, operands, parameters, inputs: inputs, temperature: temperature))
  }

  /// A projection that is added into the residual stream, with nothing recorded in between: implementations
  /// may accumulate onto the stream itself, so it is judged as one sum.
  func fusedEstimate(
    _ projection: Operation, _ input: Operand, _ parameters: [ParameterOperand], onto stream: Operand,
    inputs: Inputs
  ) -> Estimate {
    let projected = evaluate(
      projection, activations: [input.values], parameters: parameters.map(\.values), inputs: inputs)
    let value = sum(stream.values, projected)
    let bounds = ofProduct(
      value, input: input, weight: MatrixView(parameters[0].values), weightRoundoff: parameters[0].roundoff,
      bias: parameters[1].values.values[...], stream: stream)
    return Estimate(values: value, bounds: bounds)
  }

  private func bounds(
    of operation: Operation, _ value: Tensor<Double>, _ operands: [Operand],
    _ parameters: [ParameterOperand], inputs: Inputs, temperature: Double
  ) -> [Bound] {
    switch operation.kind {
    case .tokenEmbedding, .positionEmbedding:
      return [Bound](repeating: .zero, count: value.count)
    case .identity:
      return value.values.indices.map(operands[0].error(at:))
    case .sum:
      return ofAddition(value, operands[0], operands[1])
    case .layerNorm(let epsilon):
      return ofLayerNorm(
        value, operands[0], weight: parameters[0].values, weightRoundoff: parameters[0].roundoff,
        bias: parameters[1].values, biasRoundoff: parameters[1].roundoff, epsilon: epsilon)
    case .linear:
      return ofProduct(
        value, input: operands[0], weight: MatrixView(parameters[0].values),
        weightRoundoff: parameters[0].roundoff, bias: parameters[1].values.values[...])
    case .headProjection(let part, let headCount):
      let width = parameters[0].values.rowWidth / 3
      let columns = part * width..<(part + 1) * width
      let flat = ofProduct(
        joinHeads(value), input: operands[0], weight: MatrixView(parameters[0].values, columns: columns),
        weightRoundoff: parameters[0].roundoff, bias: parameters[1].values.values[columns])
      return splitHeads(flat, headCount: headCount, width: width)
    case .attentionScores(let scale):
      return ofScores(value, query: operands[0], key: operands[1], scale: scale, inputs: inputs)
    case .maskedSoftmax:
      return ofMaskedSoftmax(value, operands[0], inputs: inputs)
    case .attentionContext:
      return ofContext(value, probabilities: operands[0], values: operands[1], inputs: inputs)
    case .activationFunction(let function):
      return ofActivation(function, value, operands[0])
    case .unembedding:
      return ofProduct(
        value, input: operands[0], weight: MatrixView(transposing: parameters[0].values),
        weightRoundoff: parameters[0].roundoff, bias: nil)
    case .softmax:
      return ofSoftmax(value, operands[0], temperature: temperature)
    }
  }

  /// [H, T, d] → [T, H·d].
  private func joinHeads(_ x: Tensor<Double>) -> Tensor<Double> {
    let (heads, tokens, width) = (x.shape[0], x.shape[1], x.shape[2])
    var joined: [Double] = []
    joined.reserveCapacity(x.count)
    for token in 0..<tokens {
      for head in 0..<heads { joined += x.row(head * tokens + token) }
    }
    return Tensor(joined, shape: [tokens, heads * width])
  }

  /// The order of [H, T, d] from that of [T, H·d].
  private func splitHeads(_ bounds: [Bound], headCount: Int, width: Int) -> [Bound] {
    let (tokens, headWidth) = (bounds.count / width, width / headCount)
    var split: [Bound] = []
    split.reserveCapacity(bounds.count)
    for head in 0..<headCount {
      for token in 0..<tokens {
        let first = token * width + head * headWidth
        split += bounds[first..<first + headWidth]
      }
    }
    return split
  }
}

extension MatrixView {
  /// Some columns of a matrix stored as [in, out]; all of them unless given.
  init(_ matrix: Tensor<Double>, columns range: Range<Int>? = nil) {
    let range = range ?? 0..<matrix.rowWidth
    self.init(
      values: matrix.values, rows: matrix.rowCount, columns: range.count, rowStride: matrix.rowWidth,
      columnStride: 1, offset: range.lowerBound)
  }

  /// A matrix stored as [out, in].
  init(transposing matrix: Tensor<Double>) {
    self.init(
      values: matrix.values, rows: matrix.rowWidth, columns: matrix.rowCount, rowStride: 1,
      columnStride: matrix.rowWidth)
  }
}
