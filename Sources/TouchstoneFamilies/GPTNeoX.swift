import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// GPT-NeoX and Pythia: part of each head turns, queries, keys and values of a head are stored together, both halves
  /// read the stream through norms of their own and are added at once.
  ///
  /// Black et al. 2022, §2; Biderman et al. 2023; Hugging Face's `GPTNeoXConfig`, `GPTNeoXAttention` and `GPTNeoXLayer`. With
  /// `use_parallel_residual` false the halves follow each other. Matrices are stored [out, in].
  public static let gptNeoX = Family(
    "gpt_neox", modelTypes: ["gpt_neox"], padding: .learned,
    tensors: TensorNames(
      root: "gpt_neox.",
      bufferEndings: [".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq"],
      ties: ["embed_out.weight": "gpt_neox.embed_in.weight"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.evenHeads("num_attention_heads", width: width)
    let inner = try config.size("intermediate_size")
    let function = try config.activation("hidden_act", else: "gelu")
    let norm = LayerNorm(epsilon: try config.epsilon("layer_norm_eps", else: 1e-5))
    let hasBias = try config.bool("attention_bias") ?? true
    let isParallel = try config.bool("use_parallel_residual") ?? true
    // Hugging Face reads its own two names and not those of other families.
    let share = try config.number("rotary_pct") ?? 0.25
    let theta = try config.number("rotary_emb_base") ?? 10_000
    try config.expect("partial_rotary_factor", share, "rotary_pct")
    try config.expect("rope_theta", theta, "rotary_emb_base")
    let rules = RotaryRules(share: share, theta: theta)
    let rotation = try config.rotation(width: heads.width, positions: 2048, rules: rules)
    let isTied = try config.bool("tie_word_embeddings") ?? false

    var g = GraphBuilder(root: "gpt_neox.", layout: .outputsFirst)
    let table = g.parameter("embed_in.weight", vocabulary, width)
    var x = g.embedding("embed/token", .tokenIDs, in: table)
    for layer in 0..<layers {
      g.block(layer, parameters: "layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.layerNorm("ln_1", stream, norm, "input_layernorm")
        func second(_ read: Activation, _ b: inout GraphBuilder) -> Activation {
          b.layerNorm("ln_2", read, norm, "post_attention_layernorm")
        }
        let ofStream = isParallel ? second(stream, &b) : nil
        let projected = b.fusedHeads(
          first, heads, "attention.query_key_value", groups: heads.query, hasBias: hasBias)
        let attended = b.attended(
          b.rotated(projected, rotation), width: heads.width, "attention.dense", outputs: width,
          hasBias: hasBias)
        let middle = isParallel ? stream : b.sum("resid_mid", stream, attended)
        let thought = b.feedForward(
          ofStream ?? second(middle, &b), function, up: "mlp.dense_h_to_4h", down: "mlp.dense_4h_to_h",
          inner: inner, outputs: width, hasBias: true)
        x = isParallel ? b.sum("resid_out", stream, attended, thought) : b.sum("resid_out", middle, thought)
      }
    }
    let last = g.layerNorm("final/ln_f", x, norm, "final_layer_norm")
    let head = isTied ? table : Parameter("embed_out.weight", [vocabulary, width])
    return try g.graph(readingOut: last, rowsOf: head)
  }
}
