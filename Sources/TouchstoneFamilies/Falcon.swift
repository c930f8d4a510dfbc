import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// Falcon: rotary positions, queries of a group stored with the keys and values that they share, both halves added at
  /// once.
  ///
  /// 7B has one head of keys and one norm for both halves; 40B and 11B (`new_decoder_architecture`) have groups, and a norm
  /// for each half unless `num_ln_in_parallel_attn` is 1. Almazrouei et al. 2023, §4; Hugging Face's `FalconConfig`,
  /// `FalconAttention` and `FalconDecoderLayer`. Matrices are stored [out, in].
  public static let falcon = Family(
    "falcon", modelTypes: ["falcon"], padding: .learned,
    tensors: TensorNames(
      root: "transformer.", bufferEndings: [".rotary_emb.inv_freq", ".rotary.inv_freq"],
      ties: ["lm_head.weight": "transformer.word_embeddings.weight"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size", "n_embed")
    let layers = try config.layerCount("num_hidden_layers")
    let form = try config.form(width: width)
    let heads = form.heads
    let inner = try config.size("ffn_hidden_size", else: 4 * width)
    let function = try config.activation("activation", else: "gelu")
    let norm = LayerNorm(epsilon: try config.epsilon("layer_norm_epsilon", else: 1e-5))
    let hasBias = try config.bool("bias") ?? false
    let rotation = try config.rotation(width: heads.width, positions: 2048)
    let isTied = try config.bool("tie_word_embeddings") ?? true
    try config.expect("ff_factor", Double(inner) / Double(width), "the feed-forward width over D")

    var g = GraphBuilder(root: "transformer.", layout: .outputsFirst)
    let table = g.parameter("word_embeddings.weight", vocabulary, width)
    var x = g.embedding("embed/token", .tokenIDs, in: table)
    for layer in 0..<layers {
      g.block(layer, parameters: "h.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.layerNorm(
          "ln_1", stream, norm, form.hasTwoNorms ? "ln_attn" : "input_layernorm")
        let second = form.hasTwoNorms ? b.layerNorm("ln_2", stream, norm, "ln_mlp") : first
        let projected = b.fusedHeads(
          first, heads, "self_attention.query_key_value", groups: heads.key, hasBias: hasBias)
        let attended = b.attended(
          b.rotated(projected, rotation), width: heads.width, "self_attention.dense", outputs: width,
          hasBias: hasBias)
        func thought(_ read: Activation, _ b: inout GraphBuilder) -> Activation {
          b.feedForward(
            read, function, up: "mlp.dense_h_to_4h", down: "mlp.dense_4h_to_h", inner: inner, outputs: width,
            hasBias: hasBias)
        }
        if form.isParallel {
          x = b.sum("resid_out", stream, attended, thought(second, &b))
        } else {
          let middle = b.sum("resid_mid", stream, attended)
          let third = b.layerNorm("ln_2", middle, norm, "post_attention_layernorm")
          x = b.sum("resid_out", middle, thought(third, &b))
        }
      }
    }
    let last = g.layerNorm("final/ln_f", x, norm, "ln_f")
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    return try g.graph(readingOut: last, rowsOf: head)
  }
}

/// Which of Falcon's blocks a model has.
private struct FalconForm {
  let heads: HeadCounts
  /// Whether both halves are added at once.
  let isParallel: Bool
  /// Whether each half of a parallel block has its own norm.
  let hasTwoNorms: Bool
}

extension ConfigFields {
  /// The heads and norms that follow from `new_decoder_architecture`, `multi_query`, `parallel_attn` and
  /// `num_ln_in_parallel_attn`.
  ///
  /// - Throws: ``BadInput`` naming a field for combinations that Hugging Face has no code for, and for `alibi`, whose
  ///   biases it rounds to bfloat16 and adds once or twice, as the kernel may be.
  fileprivate mutating func form(width: Int) throws(BadInput) -> FalconForm {
    try expect("alibi", false)
    let own = try evenHeads("num_attention_heads", width: width)
    let count = own.query
    let isNew = try bool("new_decoder_architecture") ?? false
    let isShared = try bool("multi_query") ?? true
    let isParallel = try bool("parallel_attn") ?? true
    let given = try integer("num_ln_in_parallel_attn")
    let stored = try size("num_kv_heads", else: count)
    guard isParallel || !isNew else {
      throw BadInput(
        place: "parallel_attn", problem: "is false with new_decoder_architecture",
        remedy: "correct one of the two")
    }
    guard (isNew ? 1...2 : 1...1).contains(given ?? 1) else {
      throw BadInput(
        place: "num_ln_in_parallel_attn", problem: "is \(given ?? 0)",
        remedy: isNew ? "give 1 or 2" : "remove it, or set new_decoder_architecture")
    }
    let keys = isNew ? stored : isShared ? 1 : count
    // Without groups the field says nothing, and Hugging Face writes the number of queries.
    guard count.isMultiple(of: keys), stored == keys || (!isNew && stored == count) else {
      throw BadInput(
        place: "num_kv_heads", problem: "is \(stored), where \(count) heads of queries share \(keys) of keys",
        remedy: "correct one of the two")
    }
    return FalconForm(
      heads: HeadCounts(query: count, key: keys, width: own.width), isParallel: isParallel,
      hasTwoNorms: isNew && given != 1)
  }
}
