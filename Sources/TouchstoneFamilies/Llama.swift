import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// Llama 2 and 3: RMSNorm before each half, rotary positions, heads of keys and values shared by groups of queries, a
  /// gated feed-forward block.
  ///
  /// Touvron et al. 2023a and b; Dubey et al. 2024. Matrices are stored [out, in].
  public static let llama = Family(
    "llama", modelTypes: ["llama"],
    tensors: TensorNames(
      root: "model.", bufferEndings: [".rotary_emb.inv_freq"],
      ties: ["lm_head.weight": "model.embed_tokens.weight"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.size("num_attention_heads")
    let keyHeads = try config.size("num_key_value_heads", else: heads)
    let headWidth = try config.headWidth(width: width, heads: heads)
    let inner = try config.size("intermediate_size")
    let norm = RMSNorm(epsilon: try config.epsilon("rms_norm_eps", else: 1e-6))
    let function = try config.activation("hidden_act", else: "silu")
    let hasAttentionBias = try config.bool("attention_bias") ?? false
    let hasInnerBias = try config.bool("mlp_bias") ?? false
    let rotation = try config.rotation(width: headWidth)
    let isTied = try config.bool("tie_word_embeddings") ?? false
    guard heads.isMultiple(of: keyHeads) else {
      throw BadInput(
        place: "num_key_value_heads",
        problem: "\(keyHeads) do not divide num_attention_heads = \(heads) evenly",
        remedy: "correct one of the two")
    }

    var g = GraphBuilder(root: "model.", layout: .outputsFirst)
    let table = g.parameter("embed_tokens.weight", vocabulary, width)
    var x = g.embedding("embed/token", .tokenIDs, in: table)
    for layer in 0..<layers {
      g.block(layer, parameters: "layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.rmsNorm("ln_1", stream, norm, "input_layernorm")
        func projected(_ name: String, _ count: Int, _ b: inout GraphBuilder) -> Activation {
          b.linear(
            name, first, "self_attn.\(name)_proj", outputs: count * headWidth, hasBias: hasAttentionBias,
            heads: count)
        }
        let query = projected("q", heads, &b)
        let key = projected("k", keyHeads, &b)
        let value = projected("v", keyHeads, &b)
        let turnedQuery = b.rotate("q_rope", query, rotation)
        let turnedKey = b.rotate("k_rope", key, rotation)
        let context = b.attention(
          query: turnedQuery, key: turnedKey, value: value, scale: 1 / Double(headWidth).squareRoot())
        let attended = b.linear(
          "attn_out", context, "self_attn.o_proj", outputs: width, hasBias: hasAttentionBias)
        let middle = b.sum("resid_mid", stream, attended)

        let second = b.rmsNorm("ln_2", middle, norm, "post_attention_layernorm")
        let gate = b.linear("mlp_gate", second, "mlp.gate_proj", outputs: inner, hasBias: hasInnerBias)
        let up = b.linear("mlp_up", second, "mlp.up_proj", outputs: inner, hasBias: hasInnerBias)
        let gated = b.product("mlp_gated", b.activate("mlp_act", function, gate), up)
        let thought = b.linear("mlp_out", gated, "mlp.down_proj", outputs: width, hasBias: hasInnerBias)
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.rmsNorm("final/ln_f", x, norm, "norm")
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    let logits = g.linear("final/logits", last, rowsOf: head)
    _ = g.softmax("final/probs", logits)
    return try g.graph(logits: logits)
  }
}

extension ConfigFields {
  /// `head_dim`, or D/H where it is absent.
  fileprivate mutating func headWidth(width: Int, heads: Int) throws(BadInput) -> Int {
    if let given = try integer("head_dim") {
      guard (1...Parameter.greatestExtent).contains(given) else {
        throw BadInput(place: "head_dim", problem: "is \(given)", remedy: "correct the field")
      }
      return given
    }
    guard width.isMultiple(of: heads) else {
      throw BadInput(
        place: "num_attention_heads", problem: "\(heads) heads do not divide hidden_size = \(width) evenly",
        remedy: "correct one of the two, or give head_dim")
    }
    return width / heads
  }
}
