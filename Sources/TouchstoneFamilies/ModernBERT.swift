import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// ModernBERT: an encoder with norms before each half (none before the first attention), rotary positions of two bases,
  /// windows to both sides in two blocks of three, and a gated feed-forward block.
  ///
  /// Warner et al. 2024; Hugging Face's `ModernBertConfig`, `ModernBertEncoderLayer` and `ModernBertPredictionHead`. Matrices
  /// are stored [out, in]; queries, keys and values in thirds, gate and what passes it in halves.
  public static let modernBERT = Family(
    "modernbert", modelTypes: ["modernbert"], padding: .unlearned(50_283),
    tensors: TensorNames(
      root: "model.", bufferEndings: [".inv_freq"],
      ties: ["decoder.weight": "model.embeddings.tok_embeddings.weight"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    try config.expect("tie_word_embeddings", true)
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.evenHeads("num_attention_heads", width: width)
    let inner = try config.size("intermediate_size")
    let norm = LayerNorm(epsilon: try config.epsilon("norm_eps", else: 1e-5))
    let function = try config.activation("hidden_activation", else: "gelu")
    let headFunction = try config.activation("classifier_activation", else: "gelu")
    let (hasNormBias, hasBias) = (
      try config.bool("norm_bias") ?? false, try config.bool("attention_bias") ?? false
    )
    let hasInnerBias = try config.bool("mlp_bias") ?? false
    let rotations = try config.rotationsByType(
      width: heads.width, positions: 8192, theta: (sliding: 10_000, full: 160_000),
      names: (sliding: "local_rope_theta", full: "global_rope_theta"))
    let step = try config.size("global_attn_every_n_layers", else: 3)
    let slides = try config.slidingLayers(of: layers) ?? (0..<layers).map { !$0.isMultiple(of: step) }
    let window = try config.size("local_attention", else: 128) / 2
    let hasHead = try config.encoderHeads(among: ["ModernBertForMaskedLM": [.tokens], "ModernBertModel": []])
      .contains(.tokens)
    let (hasHeadBias, hasLogitBias) = (
      try config.bool("classifier_bias") ?? false, try config.bool("decoder_bias") ?? true
    )

    var g = GraphBuilder(root: "", layout: .outputsFirst)
    let table = g.parameter("model.embeddings.tok_embeddings.weight", vocabulary, width)
    var x = g.layerNorm(
      "embed/ln", g.embedding("embed/token", .tokenIDs, in: table), norm, "model.embeddings.norm",
      hasBias: hasNormBias)
    for layer in 0..<layers {
      g.block(layer, parameters: "model.layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first =
          layer == 0 ? stream : b.layerNorm("ln_1", stream, norm, "attn_norm", hasBias: hasNormBias)
        let projected = b.fusedHeads(first, heads, "attn.Wqkv", groups: 1, hasBias: hasBias)
        let attended = b.attended(
          b.rotated(projected, slides[layer] ? rotations.sliding : rotations.full), width: heads.width,
          visibility: Visibility(isCausal: false, window: slides[layer] ? window : nil), "attn.Wo",
          outputs: width, hasBias: hasBias)
        let middle = b.sum("resid_mid", stream, attended)
        let second = b.layerNorm("ln_2", middle, norm, "mlp_norm", hasBias: hasNormBias)
        func half(_ name: String, _ place: Int) -> Activation {
          b.linear(
            name, second, "mlp.Wi", outputs: 2 * inner, selection: .part(place, of: 2), hasBias: hasInnerBias)
        }
        let gate = half("mlp_gate", 0)
        let up = half("mlp_up", 1)
        let gated = b.product("mlp_gated", b.activate("mlp_act", function, gate), up)
        x = b.sum(
          "resid_out", middle, b.linear("mlp_out", gated, "mlp.Wo", outputs: width, hasBias: hasInnerBias))
      }
    }
    let last = g.layerNorm("final/ln_f", x, norm, "model.final_norm", hasBias: hasNormBias)
    guard hasHead else { return try g.graph() }
    let read = g.tokenHead(
      last, headFunction, norm, width: width, dense: "head.dense", norm: "head.norm", hasBias: hasHeadBias,
      hasNormBias: hasNormBias)
    return try g.graph(
      readingOut: read, rowsOf: table, bias: hasLogitBias ? Parameter("decoder.bias", [vocabulary]) : nil)
  }
}
