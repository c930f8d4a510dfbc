import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// MPT: biases on the scores in place of positions, no bias anywhere else, projections that may be clipped.
  ///
  /// MosaicML 2023; Hugging Face's `MptConfig`, `MptAttention` and `build_mpt_alibi_tensor`, which has code for one way of
  /// most fields: where a file asks for another, it is refused. Matrices are stored [out, in].
  public static let mpt = Family(
    "mpt", modelTypes: ["mpt"], padding: .learned,
    tensors: TensorNames(root: "transformer.", ties: ["lm_head.weight": "transformer.wte.weight"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("d_model", "hidden_size")
    let layers = try config.layerCount("n_layers", "num_hidden_layers")
    let heads = try config.evenHeads("n_heads", "num_attention_heads", width: width)
    let norm = LayerNorm(epsilon: try config.epsilon("layer_norm_epsilon", else: 1e-5))
    let isTied = try config.bool("tie_word_embeddings") ?? true
    try config.expect("expansion_ratio", 4.0, "a feed-forward width of 4·D, an expansion ratio")
    try config.expect("no_bias", true)
    try config.expect("norm_type", among: "low_precision_layernorm", "layernorm")
    let (scale, limit) = try config.mptAttention()

    var g = GraphBuilder(root: "transformer.", layout: .outputsFirst)
    let table = g.parameter("wte.weight", vocabulary, width)
    var x = g.embedding("embed/token", .tokenIDs, in: table)
    let bias = g.alibi("embed/attn_bias", Alibi(heads: heads.query, form: .mpt))
    for layer in 0..<layers {
      g.block(layer, parameters: "blocks.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.layerNorm("ln_1", stream, norm, "norm_1", hasBias: false)
        let projected = b.fusedHeads(first, heads, "attn.Wqkv", groups: 1, hasBias: false, limit: limit)
        let attended = b.attended(
          projected, width: heads.width, scale: scale, bias: bias, "attn.out_proj", outputs: width,
          hasBias: false)
        let middle = b.sum("resid_mid", stream, attended)
        let second = b.layerNorm("ln_2", middle, norm, "norm_2", hasBias: false)
        let thought = b.feedForward(
          second, ActivationFunction(.geluErf), up: "ffn.up_proj", down: "ffn.down_proj", inner: 4 * width,
          outputs: width, hasBias: false)
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.layerNorm("final/ln_f", x, norm, "norm_f", hasBias: false)
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    return try g.graph(readingOut: last, rowsOf: head)
  }
}

extension ConfigFields {
  /// What `attn_config` says: the factor on the scores, nil for 1/√d, and where projections are clipped.
  fileprivate mutating func mptAttention() throws(BadInput) -> (scale: Double?, limit: Double?) {
    do throws(BadInput) {
      guard var own = try object("attn_config") else { return (nil, nil) }
      try own.expect("alibi", true)
      try own.expect("alibi_bias_max", 8.0, "slopes that fall to 2^−8, a greatest bias")
      try own.expect("qk_ln", false)
      try own.expect("qk_gn", false)
      try own.expect("prefix_lm", false)
      try own.expect("attn_uses_sequence_id", false)
      try own.expect("attn_type", among: "multihead_attention")
      try own.expect("rope", false)
      try own.expect("sliding_window_size", -1, "no window")
      let limit = try own.number("clip_qkv")
      guard limit ?? 0 >= 0 else {
        throw BadInput(place: "clip_qkv", problem: "is negative", remedy: "give a number above 0, or null")
      }
      let scale = try own.number("softmax_scale")
      try own.refuseUnread()
      return (scale, limit == 0 ? nil : limit)
    } catch {
      guard let place = error.place, place != "attn_config" else { throw error }
      var inside = error
      inside.place = "attn_config.\(place)"
      throw inside
    }
  }
}
