/// A named point of the forward pass: the value that one operation hands to the next.
public struct Activation: Hashable, Sendable, CustomStringConvertible {
  /// The points, by the names they have in a golden file.
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

    /// Whether every block has a point of this name.
    public var isPerLayer: Bool { !rawValue.contains("/") }
  }

  /// The block it belongs to, from 0; nil outside the blocks.
  public let layer: Int?
  /// Which value of that block.
  public let point: Point

  /// A point outside the blocks.
  public init(_ point: Point) {
    self.layer = nil
    self.point = point
  }

  /// A point of the block `layer`.
  public init(_ point: Point, layer: Int) {
    self.layer = layer
    self.point = point
  }

  /// Where the value stands in a golden file, such as `layers/003/mlp_act`.
  public var path: String {
    guard let layer else { return point.rawValue }
    let digits = String(layer)
    return "layers/" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits + "/" + point.rawValue
  }

  /// The point that stands at `path` of a golden file; nil for any other path.
  public init?(path: String) {
    if let point = Point(rawValue: path), !point.isPerLayer {
      self.init(point)
      return
    }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == "layers", let layer = Int(parts[1]), layer >= 0,
      let point = Point(rawValue: String(parts[2])), point.isPerLayer
    else { return nil }
    self.init(point, layer: layer)
    guard self.path == path else { return nil }
  }

  /// The path in a golden file.
  public var description: String { path }
}

extension Configuration {
  /// The shape of an activation for a sequence of `tokenCount` tokens, as in the golden format.
  public func shape(of activation: Activation, tokenCount: Int) -> [Int] {
    switch activation.point {
    case .query, .key, .value, .keyCache, .valueCache: [headCount, tokenCount, headWidth]
    case .attentionScores, .attentionProbabilities: [headCount, tokenCount, tokenCount]
    case .feedForwardInput, .feedForwardActivation: [tokenCount, feedForwardWidth]
    case .logits, .probabilities: [tokenCount, vocabularySize]
    default: [tokenCount, width]
    }
  }
}
