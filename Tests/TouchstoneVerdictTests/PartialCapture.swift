import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// What a capture may hold.
enum Subset: CaseIterable, CustomStringConvertible {
  case everything
  case withoutScores
  case fusedAttention
  case fusedResidual
  case normsHidden
  case queriesKeysValues
  case halfBlocks
  case residualStream
  case everySecondBlock
  case lastBlockAndLogits
  case logits
  case randomHalf
  case randomTenth

  var description: String {
    switch self {
    case .everything: "everything"
    case .withoutScores: "all but the scores"
    case .fusedAttention: "all but scores and probabilities"
    case .fusedResidual: "all but the projections into the stream"
    case .normsHidden: "all but LayerNorms and GELU"
    case .queriesKeysValues: "queries, keys, values, logits"
    case .halfBlocks: "the stream after each half block, logits"
    case .residualStream: "the stream after each block, logits"
    case .everySecondBlock: "the stream after every second block, logits"
    case .lastBlockAndLogits: "the last block's stream, logits"
    case .logits: "logits alone"
    case .randomHalf: "a random half, logits"
    case .randomTenth: "a random tenth, logits"
    }
  }

  /// The capture without what this subset leaves out.
  func of(_ whole: RecordedActivations, seed: UInt64) -> RecordedActivations {
    var random = SplitMix64(seed: seed)
    var part = whole
    let kept = whole.graph.operations.map(\.output).filter { activation in
      let draw = Double.random(in: 0..<1, using: &random)
      return activation.point == .logits || keeps(activation, draw, layers: whole.graph.layerCount)
    }
    part.tensors = whole.tensors.filter { kept.contains($0.key) }
    return part
  }

  private func keeps(_ activation: Activation, _ draw: Double, layers: Int) -> Bool {
    let point = activation.point
    return switch self {
    case .everything: true
    case .withoutScores: point != .attentionScores
    case .fusedAttention: point != .attentionScores && point != .attentionProbabilities
    case .fusedResidual: point != .attentionOutput && point != .feedForwardOutput
    case .normsHidden:
      point != .layerNorm1 && point != .layerNorm2 && point != .finalLayerNorm
        && point != .feedForwardActivation
    case .queriesKeysValues: point == .query || point == .key || point == .value
    case .halfBlocks: point == .residualMiddle || point == .residualOut || point == .embeddingSum
    case .residualStream: point == .residualOut || point == .embeddingSum
    case .everySecondBlock: point == .residualOut && activation.layer.map { $0 % 2 == 1 } == true
    case .lastBlockAndLogits: point == .residualOut && activation.layer == layers - 1
    case .logits: false
    case .randomHalf: draw < 0.5
    case .randomTenth: draw < 0.1
    }
  }
}
