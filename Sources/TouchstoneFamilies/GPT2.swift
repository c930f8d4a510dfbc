import TouchstoneGraph

extension Family {
  /// GPT-2 and GPT-3: LayerNorm before each half, learned positions, causal attention, GELU.
  ///
  /// Radford et al. 2019; Brown et al. 2020, §2.1. Matrices are stored [in, out].
  public static let gpt2 = Family(
    "gpt2", modelTypes: ["gpt2"],
    tensors: TensorNames(
      root: "transformer.", bufferEndings: [".attn.bias", ".attn.masked_bias"],
      ties: ["lm_head.weight": "transformer.wte.weight"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let context = try config.contextLength()
    let width = try config.size("n_embd", "hidden_size")
    let layers = try config.layerCount("n_layer", "num_hidden_layers")
    let heads = try config.size("n_head", "num_attention_heads")
    let inner = try config.size("n_inner", else: 4 * width)
    let epsilon = try config.epsilon("layer_norm_epsilon", else: 1e-5)
    let norm = LayerNorm(epsilon: epsilon)
    let function = try config.activation("activation_function", else: "gelu_new")
    guard width.isMultiple(of: heads) else {
      throw BadInput(
        place: "n_head", problem: "\(heads) heads do not divide n_embd = \(width) evenly",
        remedy: "correct one of the two")
    }
    let scalesScores = try config.bool("scale_attn_weights") ?? true
    let scalesByLayer = try config.bool("scale_attn_by_inverse_layer_idx") ?? false
    let isTied = try config.bool("tie_word_embeddings") ?? true
    try config.expect("head_dim", width / heads, "n_embd/n_head")
    try config.expect("num_key_value_heads", heads, "n_head")
    try config.expect("intermediate_size", inner, "n_inner")
    try config.expect("layer_norm_eps", epsilon, "layer_norm_epsilon")

    var g = GraphBuilder(root: "transformer.", layout: .inputsFirst)
    let table = g.parameter("wte.weight", vocabulary, width)
    var x = g.sum(
      "embed/sum", g.embedding("embed/token", .tokenIDs, in: table),
      g.embedding("embed/position", .positionIDs, in: g.parameter("wpe.weight", context, width)))
    for layer in 0..<layers {
      let byWidth = scalesScores ? 1 / Double(width / heads).squareRoot() : 1
      let scale = scalesByLayer ? byWidth / Double(layer + 1) : byWidth
      g.block(layer, parameters: "h.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.layerNorm("ln_1", stream, norm, "ln_1")
        func third(_ name: String, _ part: Int, _ b: inout GraphBuilder) -> Activation {
          b.linear(
            name, first, "attn.c_attn", outputs: 3 * width, selection: .part(part, of: 3), hasBias: true,
            heads: heads)
        }
        let query = third("q", 0, &b)
        let key = third("k", 1, &b)
        let value = third("v", 2, &b)
        let context = b.attention(query: query, key: key, value: value, scale: scale)
        let attended = b.linear("attn_out", context, "attn.c_proj", outputs: width, hasBias: true)
        let middle = b.sum("resid_mid", stream, attended)

        let second = b.layerNorm("ln_2", middle, norm, "ln_2")
        let hidden = b.linear("mlp_pre", second, "mlp.c_fc", outputs: inner, hasBias: true)
        let active = b.activate("mlp_act", function, hidden)
        let thought = b.linear("mlp_out", active, "mlp.c_proj", outputs: width, hasBias: true)
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.layerNorm("final/ln_f", x, norm, "ln_f")
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    let logits = g.linear("final/logits", last, rowsOf: head)
    _ = g.softmax("final/probs", logits)
    return try g.graph(logits: logits)
  }
}

extension ConfigFields {
  /// `n_positions`, by its own or its general name; where neither stands, `n_ctx`, an old name of the same quantity.
  fileprivate mutating func contextLength() throws(BadInput) -> Int {
    let old = try integer("n_ctx")
    if old != nil, try integer("n_positions") == nil, try integer("max_position_embeddings") == nil {
      return try size("n_ctx")
    }
    return try size("n_positions", "max_position_embeddings")
  }
}
