import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// A parameter as the definition reads it, and the rounding that the arithmetic is granted on it.
struct ParameterOperand {
  let stored: StoredTensor
  var roundoff = 0.0

  /// The values in float64, widened anew each time.
  var values: Tensor<Double> { stored.float64() }
}

extension Rounding {
  /// What one operation gives by the definition, and how far an implementation's output may lie from it.
  ///
  /// The rounding of storing the output is not included.
  ///
  /// - Parameter type: what the output is stored in; that of the precision unless given.
  func estimate(
    _ operation: Operation, _ operands: [Operand], _ parameters: [ParameterOperand], inputs: Inputs,
    temperature: Double, storedAs type: ScalarType? = nil
  ) -> Estimate {
    if let product = product(operation, operands, parameters) { return product }
    let value = value(operation, operands, parameters, inputs: inputs, temperature: temperature)
    let bounds = bounds(
      of: operation, value, operands, parameters, temperature: temperature, inputs,
      storedAs: type ?? precision.type)
    return Estimate(values: value, bounds: bounds)
  }

  /// What one operation gives by the definition; of a table, only the rows that are looked up are widened.
  private func value(
    _ operation: Operation, _ operands: [Operand], _ parameters: [ParameterOperand], inputs: Inputs,
    temperature: Double
  ) -> Tensor<Double> {
    switch operation.kind {
    case .tokenEmbedding:
      embedding(Array(0..<inputs.count), table: parameters[0].stored.rows(inputs.tokenIDs).float64())
    case .positionEmbedding:
      embedding(Array(0..<inputs.count), table: parameters[0].stored.rows(inputs.positionIDs).float64())
    default:
      evaluate(
        operation, activations: operands.map(\.values), parameters: parameters.map(\.values), inputs: inputs,
        temperature: temperature)
    }
  }

  /// A projection that is added into the residual stream, with nothing recorded in between: implementations
  /// may accumulate onto the stream itself, so it is judged as one sum.
  func fusedEstimate(_ input: Operand, _ parameters: [ParameterOperand], onto stream: Operand) -> Estimate {
    ofProduct(
      input, MatrixView(parameters[0].stored), weightRoundoff: parameters[0].roundoff,
      bias: parameters[1].values.values, onto: stream)
  }

  /// The products with parameters, which are most of the work; nil for other operations.
  private func product(
    _ operation: Operation, _ operands: [Operand], _ parameters: [ParameterOperand]
  ) -> Estimate? {
    guard let input = operands.first, let weight = parameters.first else { return nil }
    switch operation.kind {
    case .linear:
      return ofProduct(
        input, MatrixView(weight.stored), weightRoundoff: weight.roundoff, bias: parameters[1].values.values)
    case .headProjection(let part, let headCount):
      let width = weight.stored.shape[1] / 3
      let columns = part * width..<(part + 1) * width
      return ofProduct(
        input, MatrixView(weight.stored, columns: columns), weightRoundoff: weight.roundoff,
        bias: Array(parameters[1].values.values[columns])
      ).splitIntoHeads(headCount)
    case .unembedding:
      return ofProduct(
        input, MatrixView(transposing: weight.stored), weightRoundoff: weight.roundoff, bias: nil)
    default:
      return nil
    }
  }

  /// The bounds of one operation's output, the rounding of storing it not included.
  func bounds(
    of operation: Operation, _ value: Tensor<Double>, _ operands: [Operand],
    _ parameters: [ParameterOperand], temperature: Double, _ inputs: Inputs, storedAs type: ScalarType
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
    case .attentionScores(let scale):
      return ofScores(value, query: operands[0], key: operands[1], scale: scale, inputs: inputs)
    case .maskedSoftmax:
      return ofMaskedSoftmax(value, operands[0], inputs: inputs)
    case .attentionContext:
      return ofContext(value, probabilities: operands[0], values: operands[1], inputs: inputs)
    case .activationFunction(let function):
      return ofActivation(function, value, operands[0], storedAs: type)
    case .softmax:
      return ofSoftmax(value, operands[0], temperature: temperature)
    case .linear, .headProjection, .unembedding:
      preconditionFailure("products are estimated as a whole")
    }
  }
}

extension Estimate {
  /// [T, H·d] → [H, T, d].
  fileprivate func splitIntoHeads(_ headCount: Int) -> Estimate {
    let (tokens, headWidth) = (values.rowCount, values.rowWidth / headCount)
    let rows = (0..<headCount).flatMap { head in
      (0..<tokens).map { token -> Range<Int> in
        let first = token * values.rowWidth + head * headWidth
        return first..<first + headWidth
      }
    }
    return Estimate(
      values: Tensor(rows.flatMap { values.values[$0] }, shape: [headCount, tokens, headWidth]),
      bounds: rows.flatMap { bounds[$0] })
  }
}
