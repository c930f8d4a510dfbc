/// The names that the values of the GPT-2 form have in a golden file; other families share most of them.
extension Activation {
  /// The names.
  public enum Point: String, Hashable, Sendable, CaseIterable {
    case tokenEmbedding = "embed/token"
    case positionEmbedding = "embed/position"
    case embeddingSum = "embed/sum"
    case residualIn = "resid_in"
    case layerNorm1 = "ln_1"
    case query = "q"
    case key = "k"
    case value = "v"
    /// The keys that attention really read; recorded only where they differ from ``key``.
    case keyCache = "k_cache"
    /// The values that attention really read; recorded only where they differ from ``value``.
    case valueCache = "v_cache"
    case attentionScores = "attn_scores"
    case attentionProbabilities = "attn_probs"
    case attentionContext = "attn_context"
    case attentionOutput = "attn_out"
    case residualMiddle = "resid_mid"
    case layerNorm2 = "ln_2"
    case feedForwardInput = "mlp_pre"
    case feedForwardActivation = "mlp_act"
    case feedForwardOutput = "mlp_out"
    case residualOut = "resid_out"
    case finalLayerNorm = "final/ln_f"
    case logits = "final/logits"
    case probabilities = "final/probs"

    /// Whether every block has a value of this name.
    public var isPerLayer: Bool { !rawValue.contains("/") }
  }

  /// A value outside the blocks.
  public init(_ point: Point) {
    self.init(point.rawValue)
  }

  /// A value of the block `layer` of `layers`.
  public init(_ point: Point, layer: Int) {
    self.init(point.rawValue, in: Block(layer))
  }

  /// Which of these names it has; nil for another.
  public var point: Point? { Point(rawValue: name) }

  /// The index of its block, from 0; nil outside the blocks.
  public var layer: Int? { block?.index }
}
