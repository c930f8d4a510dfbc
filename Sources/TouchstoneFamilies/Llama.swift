import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// Llama 2 and 3: RMSNorm before each half, rotary positions, heads of keys and values shared by groups of queries, a
  /// gated feed-forward block.
  ///
  /// Touvron et al. 2023a and b; Dubey et al. 2024. Matrices are stored [out, in].
  public static let llama = Family(
    "llama", modelTypes: ["llama"], tensors: .llama
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.heads(width: width)
    let inner = try config.size("intermediate_size")
    let norm = RMSNorm(epsilon: try config.epsilon("rms_norm_eps", else: 1e-6))
    let function = try config.activation("hidden_act", else: "silu")
    let hasAttentionBias = try config.bool("attention_bias") ?? false
    let hasInnerBias = try config.bool("mlp_bias") ?? false
    let rotation = try config.rotation(width: heads.width, positions: 2048)
    let isTied = try config.bool("tie_word_embeddings") ?? false

    var g = GraphBuilder(root: "model.", layout: .outputsFirst)
    let table = g.parameter("embed_tokens.weight", vocabulary, width)
    var x = g.embedding("embed/token", .tokenIDs, in: table)
    for layer in 0..<layers {
      g.block(layer, parameters: "layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.rmsNorm("ln_1", stream, norm, "input_layernorm")
        let attended = b.rotaryAttention(
          first, heads, rotation, outputs: width, hasInputBias: hasAttentionBias,
          hasOutputBias: hasAttentionBias)
        let middle = b.sum("resid_mid", stream, attended)
        let second = b.rmsNorm("ln_2", middle, norm, "post_attention_layernorm")
        let thought = b.gatedFeedForward(
          second, function, inner: inner, outputs: width, hasBias: hasInnerBias)
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.rmsNorm("final/ln_f", x, norm, "norm")
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    return try g.graph(readingOut: last, rowsOf: head)
  }
}

extension TensorNames {
  /// How checkpoints of Llama name their tensors, and those of the families that follow it.
  static let llama = TensorNames(
    root: "model.", bufferEndings: [".rotary_emb.inv_freq"],
    ties: ["lm_head.weight": "model.embed_tokens.weight"])
}
