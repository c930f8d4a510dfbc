import TouchstoneGraph

/// What a parameter of the GPT-2 form does there, by the end of its name: what the patterns of probes speak of.
enum GPT2Role: String {
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
  case unembedding = "lm_head.weight"

  /// The role of a parameter of the GPT-2 form; nil for another.
  init?(_ parameter: Parameter) {
    var name = parameter.name[...]
    if name.hasPrefix("transformer.") { name = name.dropFirst("transformer.".count) }
    if name.hasPrefix("h.") { name = name.dropFirst(2).drop { $0.isNumber }.dropFirst() }
    self.init(rawValue: String(name))
  }
}

extension WeightRule {
  /// Puts something in the place of a model's random numbers, by their roles in the GPT-2 form.
  mutating func setPattern(
    _ element: @escaping @Sendable (_ role: GPT2Role, _ row: Int, _ column: Int, _ random: Float) -> Float
  ) {
    pattern = { parameter in
      guard let role = GPT2Role(parameter) else { return nil }
      return { row, column, random in element(role, row, column, random) }
    }
  }
}
