import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// OLMo 2: no norm before a half, one on what it makes; queries and keys normalised over all heads together.
  ///
  /// OLMo Team 2024, §3.2; Hugging Face's `Olmo2Config`, `Olmo2Attention` and `Olmo2DecoderLayer`. Matrices are stored
  /// [out, in].
  public static let olmo2 = Family(
    "olmo2", modelTypes: ["olmo2"], padding: .unlearned(1), tensors: .llama
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.heads(width: width)
    let inner = try config.size("intermediate_size")
    let norm = RMSNorm(epsilon: try config.epsilon("rms_norm_eps", else: 1e-5))
    let headNorm = RMSNorm(epsilon: norm.epsilon, isJoined: true)
    let function = try config.activation("hidden_act", else: "silu")
    let hasBias = try config.bool("attention_bias") ?? false
    let rotation = try config.rotation(width: heads.width, positions: 2048)
    let isTied = try config.bool("tie_word_embeddings") ?? false

    var g = GraphBuilder(root: "model.", layout: .outputsFirst)
    let table = g.parameter("embed_tokens.weight", vocabulary, width)
    var x = g.embedding("embed/token", .tokenIDs, in: table)
    for layer in 0..<layers {
      g.block(layer, parameters: "layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let attended = b.rotaryAttention(
          stream, heads, rotation, outputs: width, hasInputBias: hasBias, hasOutputBias: hasBias,
          headNorm: headNorm)
        let heard = b.rmsNorm("attn_post_norm", attended, norm, "post_attention_layernorm")
        let middle = b.sum("resid_mid", stream, heard)
        let made = b.gatedFeedForward(middle, function, inner: inner, outputs: width)
        let thought = b.rmsNorm("mlp_post_norm", made, norm, "post_feedforward_layernorm")
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.rmsNorm("final/ln_f", x, norm, "norm")
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    return try g.graph(readingOut: last, rowsOf: head)
  }
}
