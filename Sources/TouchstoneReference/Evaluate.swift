import TouchstoneModel

/// The value of one operation, from the values it reads.
///
/// Clauses: RES-5, RES-7.
///
/// - Parameters:
///   - operation: an entry of ``Configuration/operations``.
///   - activations: the values of `operation.inputs`, in that order.
///   - parameters: the values of `operation.parameters`, in that order.
///   - inputs: the token ids, positions and mask of the sequence.
///   - temperature: of the final softmax.
/// - Returns: the activation `operation.output`, in the shape of the golden format.
public func evaluate(
  _ operation: Operation, activations: [Tensor<Double>], parameters: [Tensor<Double>], inputs: Inputs,
  temperature: Double = 1
) -> Tensor<Double> {
  switch operation.kind {
  case .tokenEmbedding:
    return embedding(inputs.tokenIDs, table: parameters[0])
  case .positionEmbedding:
    return embedding(inputs.positionIDs, table: parameters[0])
  case .sum:
    return sum(activations[0], activations[1])
  case .identity:
    return activations[0]
  case .layerNorm(let epsilon):
    return layerNorm(activations[0], weight: parameters[0], bias: parameters[1], epsilon: epsilon)
  case .linear:
    return linear(activations[0], weight: parameters[0], bias: parameters[1])
  case .headProjection(let part, let headCount):
    let width = parameters[0].rowWidth / 3
    let columns = part * width..<(part + 1) * width
    let projected = linear(activations[0], weight: parameters[0], bias: parameters[1], columns: columns)
    return splitHeads(projected, headCount: headCount)
  case .attentionScores(let scale):
    return attentionScores(query: activations[0], key: activations[1], scale: scale, inputs: inputs)
  case .maskedSoftmax:
    return maskedSoftmax(activations[0], inputs: inputs)
  case .attentionContext:
    return attentionContext(probabilities: activations[0], value: activations[1], inputs: inputs)
  case .activationFunction(let function):
    return activate(activations[0], function)
  case .unembedding:
    return unembedding(activations[0], table: parameters[0])
  case .softmax:
    return softmax(activations[0], temperature: temperature)
  }
}
