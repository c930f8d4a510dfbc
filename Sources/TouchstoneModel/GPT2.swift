/// The GPT-2 form (Radford et al. 2019; GPT-3, Brown et al. 2020, §2.1, has the same): pre-LayerNorm blocks,
/// learned positions, causal attention.
extension Configuration {
  /// Every step from token ids to next-token probabilities, in the order of computation.
  public var operations: [Operation] {
    embedding + (0..<layerCount).flatMap(block) + readout
  }

  /// Tokens become vectors, and each learns where it stands.
  private var embedding: [Operation] {
    let token = Activation(.tokenEmbedding)
    let position = Activation(.positionEmbedding)
    return [
      Operation(.tokenEmbedding, token, with: [Parameter(.tokenEmbedding)]),
      Operation(.positionEmbedding, position, with: [Parameter(.positionEmbedding)]),
      Operation(.sum, Activation(.embeddingSum), from: [token, position]),
    ]
  }

  /// One block: the vectors talk to each other (attention), then each thinks alone (feed-forward).
  private func block(_ layer: Int) -> [Operation] {
    func at(_ point: Activation.Point) -> Activation { Activation(point, layer: layer) }
    func weights(_ roles: Parameter.Role...) -> [Parameter] { roles.map { Parameter($0, layer: layer) } }
    func head(_ part: Int, _ output: Activation.Point) -> Operation {
      Operation(
        .headProjection(part: part, headCount: headCount), at(output), from: [at(.layerNorm1)],
        with: weights(.attentionInputWeight, .attentionInputBias))
    }
    let before =
      layer == 0 ? Activation(.embeddingSum) : Activation(.residualOut, layer: layer - 1)
    let norm = Operation.Kind.layerNorm(epsilon: layerNormEpsilon)
    return [
      Operation(.identity, at(.residualIn), from: [before]),

      Operation(
        norm, at(.layerNorm1), from: [at(.residualIn)], with: weights(.layerNorm1Weight, .layerNorm1Bias)),
      head(0, .query), head(1, .key), head(2, .value),
      Operation(
        .attentionScores(scale: scoreScale(layer: layer)), at(.attentionScores), from: [at(.query), at(.key)]),
      Operation(.maskedSoftmax, at(.attentionProbabilities), from: [at(.attentionScores)]),
      Operation(
        .attentionContext, at(.attentionContext), from: [at(.attentionProbabilities), at(.value)]),
      Operation(
        .linear, at(.attentionOutput), from: [at(.attentionContext)],
        with: weights(.attentionOutputWeight, .attentionOutputBias)),
      Operation(.sum, at(.residualMiddle), from: [at(.residualIn), at(.attentionOutput)]),

      Operation(
        norm, at(.layerNorm2), from: [at(.residualMiddle)], with: weights(.layerNorm2Weight, .layerNorm2Bias)),
      Operation(
        .linear, at(.feedForwardInput), from: [at(.layerNorm2)],
        with: weights(.feedForwardInputWeight, .feedForwardInputBias)),
      Operation(
        .activationFunction(activationFunction), at(.feedForwardActivation), from: [at(.feedForwardInput)]),
      Operation(
        .linear, at(.feedForwardOutput), from: [at(.feedForwardActivation)],
        with: weights(.feedForwardOutputWeight, .feedForwardOutputBias)),
      Operation(.sum, at(.residualOut), from: [at(.residualMiddle), at(.feedForwardOutput)]),
    ]
  }

  /// The last vectors become logits and probabilities.
  private var readout: [Operation] {
    let stream = Activation(.residualOut, layer: layerCount - 1)
    let norm = Activation(.finalLayerNorm)
    let logits = Activation(.logits)
    return [
      Operation(
        .layerNorm(epsilon: layerNormEpsilon), norm, from: [stream],
        with: [Parameter(.finalLayerNormWeight), Parameter(.finalLayerNormBias)]),
      Operation(.unembedding, logits, from: [norm], with: [unembeddingParameter]),
      Operation(.softmax, Activation(.probabilities), from: [logits]),
    ]
  }
}
