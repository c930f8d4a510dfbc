/// A learned tensor, by its role in the model.
public struct Parameter: Hashable, Sendable, CustomStringConvertible {
  /// The roles, named after the modules of Hugging Face's GPT-2.
  public enum Role: String, Hashable, Sendable, CaseIterable {
    case tokenEmbedding = "wte.weight"
    case positionEmbedding = "wpe.weight"
    case layerNorm1Weight = "ln_1.weight"
    case layerNorm1Bias = "ln_1.bias"
    /// Query, key and value projections side by side: [D, 3·D].
    case attentionInputWeight = "attn.c_attn.weight"
    case attentionInputBias = "attn.c_attn.bias"
    case attentionOutputWeight = "attn.c_proj.weight"
    case attentionOutputBias = "attn.c_proj.bias"
    case layerNorm2Weight = "ln_2.weight"
    case layerNorm2Bias = "ln_2.bias"
    case feedForwardInputWeight = "mlp.c_fc.weight"
    case feedForwardInputBias = "mlp.c_fc.bias"
    case feedForwardOutputWeight = "mlp.c_proj.weight"
    case feedForwardOutputBias = "mlp.c_proj.bias"
    case finalLayerNormWeight = "ln_f.weight"
    case finalLayerNormBias = "ln_f.bias"
    /// The separate unembedding of a model that does not tie it: [V, D].
    case unembedding = "lm_head.weight"

    /// Whether every block has a tensor of this role.
    public var isPerLayer: Bool {
      switch self {
      case .tokenEmbedding, .positionEmbedding, .finalLayerNormWeight, .finalLayerNormBias, .unembedding:
        false
      default: true
      }
    }
  }

  /// The block it belongs to, from 0; nil outside the blocks.
  public let layer: Int?
  /// What it does there.
  public let role: Role

  /// A parameter outside the blocks.
  public init(_ role: Role) {
    self.layer = nil
    self.role = role
  }

  /// A parameter of the block `layer`.
  public init(_ role: Role, layer: Int) {
    self.layer = layer
    self.role = role
  }

  /// The full Hugging Face name, such as `transformer.h.0.attn.c_attn.weight`.
  public var name: String {
    if role == .unembedding { return role.rawValue }
    return "transformer." + (layer.map { "h.\($0)." } ?? "") + role.rawValue
  }

  /// A name as checkpoints of the bare transformer store it, with the `transformer.` that the whole model has
  /// in front of it; any other name unchanged.
  public static func fullName(ofStored name: String) -> String {
    let roots = ["wte.", "wpe.", "h.", "ln_f."]
    return roots.contains { name.hasPrefix($0) } ? "transformer." + name : name
  }

  /// The full Hugging Face name.
  public var description: String { name }
}

extension Configuration {
  /// Every parameter of the model, in the order in which Hugging Face lists them.
  public var parameters: [Parameter] {
    let perLayer = Parameter.Role.allCases.filter(\.isPerLayer)
    return [Parameter(.tokenEmbedding), Parameter(.positionEmbedding)]
      + (0..<layerCount).flatMap { layer in perLayer.map { Parameter($0, layer: layer) } }
      + [Parameter(.finalLayerNormWeight), Parameter(.finalLayerNormBias)]
      + (tiesEmbeddings ? [] : [Parameter(.unembedding)])
  }

  /// How many numbers were learned.
  public var parameterCount: Int {
    parameters.reduce(0) { $0 + shape(of: $1).reduce(1, *) }
  }

  /// The tensor that maps the residual stream to logits: the token embedding itself where the two are tied.
  public var unembeddingParameter: Parameter {
    tiesEmbeddings ? Parameter(.tokenEmbedding) : Parameter(.unembedding)
  }

  /// The shape of a parameter; matrices of the blocks are [in, out], embeddings [rows, D].
  public func shape(of parameter: Parameter) -> [Int] {
    switch parameter.role {
    case .tokenEmbedding, .unembedding: [vocabularySize, width]
    case .positionEmbedding: [contextLength, width]
    case .attentionInputWeight: [width, 3 * width]
    case .attentionInputBias: [3 * width]
    case .attentionOutputWeight: [width, width]
    case .feedForwardInputWeight: [width, feedForwardWidth]
    case .feedForwardInputBias: [feedForwardWidth]
    case .feedForwardOutputWeight: [feedForwardWidth, width]
    case .layerNorm1Weight, .layerNorm1Bias, .layerNorm2Weight, .layerNorm2Bias, .attentionOutputBias,
      .feedForwardOutputBias, .finalLayerNormWeight, .finalLayerNormBias:
      [width]
    }
  }
}
