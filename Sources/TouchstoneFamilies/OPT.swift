import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// OPT: GPT-2's block with ReLU and positions whose table begins two rows late; in OPT-350m norms stand behind the sums,
  /// and the table of tokens is narrower than the stream.
  ///
  /// Zhang et al. 2022, §2.1; Hugging Face's `OPTConfig`, `OPTDecoder` and `OPTLearnedPositionalEmbedding`. ε is 1e-5,
  /// whatever a configuration says. Matrices are stored [out, in].
  public static let opt = Family(
    "opt", modelTypes: ["opt"], padding: .unlearned(1),
    tensors: TensorNames(
      root: "model.", ties: ["lm_head.weight": "model.decoder.embed_tokens.weight"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.evenHeads("num_attention_heads", width: width)
    let inner = try config.size("ffn_dim")
    let positions = try config.size("max_position_embeddings")
    let tableWidth = try config.size("word_embed_proj_dim", else: width)
    let function = try config.activation("activation_function", else: "relu")
    let hasBias = try config.bool("enable_bias") ?? true
    let normsFirst = try config.bool("do_layer_norm_before") ?? true
    let hasNoLastNorm = try config.bool("_remove_final_layer_norm") ?? false
    let isTied = try config.bool("tie_word_embeddings") ?? true
    try config.expect("layer_norm_elementwise_affine", true)
    let norm = LayerNorm(epsilon: 1e-5)

    var g = GraphBuilder(root: "model.decoder.", layout: .outputsFirst)
    let table = g.parameter("embed_tokens.weight", vocabulary, tableWidth)
    var token = g.embedding("embed/token", .tokenIDs, in: table)
    if tableWidth != width {
      token = g.linear("embed/projected", token, "project_in", outputs: width, hasBias: false)
    }
    var x = g.sum(
      "embed/sum", token,
      g.embedding(
        "embed/position", .positionIDs, in: g.parameter("embed_positions.weight", positions + 2, width),
        offset: 2, countsVisible: true))
    for layer in 0..<layers {
      g.block(layer, parameters: "layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let read = normsFirst ? b.layerNorm("ln_1", stream, norm, "self_attn_layer_norm") : stream
        let projected = b.heads(
          read, heads, ["q", "k", "v"].map { "self_attn.\($0)_proj" }, hasBias: hasBias)
        let attended = b.attended(
          projected, width: heads.width, "self_attn.out_proj", outputs: width, hasBias: hasBias)
        let middle = b.sum("resid_mid", stream, attended)
        if normsFirst {
          let second = b.layerNorm("ln_2", middle, norm, "final_layer_norm")
          let thought = b.feedForward(
            second, function, up: "fc1", down: "fc2", inner: inner, outputs: width, hasBias: hasBias)
          x = b.sum("resid_out", middle, thought)
        } else {
          let first = b.layerNorm("ln_1", middle, norm, "self_attn_layer_norm")
          let thought = b.feedForward(
            first, function, up: "fc1", down: "fc2", inner: inner, outputs: width, hasBias: hasBias)
          let second = b.layerNorm("ln_2", b.sum("resid_mlp", first, thought), norm, "final_layer_norm")
          x = b.identity("resid_out", second)
        }
      }
    }
    if normsFirst && !hasNoLastNorm { x = g.layerNorm("final/ln_f", x, norm, "final_layer_norm") }
    if tableWidth != width {
      x = g.linear("final/projected", x, "project_out", outputs: tableWidth, hasBias: false)
    }
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, tableWidth])
    return try g.graph(readingOut: x, rowsOf: head)
  }
}
