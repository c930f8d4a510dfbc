import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// BLOOM: a norm on the embedding, biases on the scores in place of positions, queries, keys and values of a head
  /// stored together.
  ///
  /// Scao et al. 2022, §3.2; Hugging Face's `BloomConfig`, `BloomAttention` and `build_alibi_tensor`. √(2/π) is 0.79788456 in
  /// its GELU. Matrices are stored [out, in].
  public static let bloom = Family(
    "bloom", modelTypes: ["bloom"], padding: .learned,
    tensors: TensorNames(
      root: "transformer.", ties: ["lm_head.weight": "transformer.word_embeddings.weight"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size", "n_embed")
    let layers = try config.layerCount("n_layer", "num_hidden_layers")
    let heads = try config.evenHeads("n_head", "num_attention_heads", width: width)
    let norm = LayerNorm(epsilon: try config.epsilon("layer_norm_epsilon", else: 1e-5))
    let addsNorms = try config.bool("apply_residual_connection_post_layernorm") ?? false
    let isTied = try config.bool("tie_word_embeddings") ?? true
    try config.expect("n_inner", 4 * width, "four times the width")

    var g = GraphBuilder(root: "transformer.", layout: .outputsFirst)
    let table = g.parameter("word_embeddings.weight", vocabulary, width)
    let token = g.embedding("embed/token", .tokenIDs, in: table)
    var x = g.layerNorm("embed/ln", token, norm, "word_embeddings_layernorm")
    let bias = g.alibi("embed/attn_bias", Alibi(heads: heads.query, form: .bloom))
    for layer in 0..<layers {
      g.block(layer, parameters: "h.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.layerNorm("ln_1", stream, norm, "input_layernorm")
        let projected = b.fusedHeads(
          first, heads, "self_attention.query_key_value", groups: heads.query, hasBias: true)
        let attended = b.attended(
          projected, width: heads.width, bias: bias, "self_attention.dense", outputs: width, hasBias: true)
        let middle = b.sum("resid_mid", addsNorms ? first : stream, attended)
        let second = b.layerNorm("ln_2", middle, norm, "post_attention_layernorm")
        let thought = b.feedForward(
          second, ActivationFunction(.geluBloom), up: "mlp.dense_h_to_4h", down: "mlp.dense_4h_to_h",
          inner: 4 * width, outputs: width, hasBias: true)
        x = b.sum("resid_out", addsNorms ? second : middle, thought)
      }
    }
    let last = g.layerNorm("final/ln_f", x, norm, "ln_f")
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    return try g.graph(readingOut: last, rowsOf: head)
  }
}
