import TouchstoneGraph
import TouchstoneModel

/// What a parameter does in a model of the GPT-2 form, named after the modules of Hugging Face's GPT-2.
public enum ParameterRole: String, Hashable, Sendable, CaseIterable {
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

extension Parameter {
  /// What it does in a model of the GPT-2 form; nil for a parameter of no such model.
  public var role: ParameterRole? {
    if name == ParameterRole.unembedding.rawValue { return .unembedding }
    var parts = name.split(separator: ".").map(String.init)
    guard parts.first == "transformer" else { return nil }
    parts.removeFirst()
    if parts.first == "h" { parts.removeFirst(min(2, parts.count)) }
    return ParameterRole(rawValue: parts.joined(separator: "."))
  }

  /// The block that it belongs to in a model of the GPT-2 form, from 0; nil outside the blocks.
  public var layer: Int? {
    let parts = name.split(separator: ".")
    return parts.count > 2 && parts[1] == "h" ? Int(parts[2]) : nil
  }
}

extension Configuration {
  /// Every parameter of the model, in the order in which Hugging Face lists them.
  public var parameters: [Parameter] { graph.parameters }

  /// The parameter of a role.
  ///
  /// - Parameter layer: its block, from 0; nil outside the blocks.
  public func parameter(_ role: ParameterRole, layer: Int? = nil) -> Parameter {
    let root = role == .unembedding ? "" : "transformer."
    return Parameter(root + (layer.map { "h.\($0)." } ?? "") + role.rawValue, shape(of: role))
  }

  /// The tensor that maps the residual stream to logits: the token embedding itself where the two are tied.
  public var unembeddingParameter: Parameter { parameter(tiesEmbeddings ? .tokenEmbedding : .unembedding) }

  /// Matrices of the blocks are [in, out], embeddings [rows, D].
  private func shape(of role: ParameterRole) -> [Int] {
    switch role {
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
