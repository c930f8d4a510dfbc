import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// Phi-1, 1.5 and 2: both halves read one norm and are added at once, part of each head turns, every product has a bias.
  ///
  /// Li et al. 2023, §2; Hugging Face's `PhiConfig`, `PhiAttention` and `PhiDecoderLayer`. Matrices are stored [out, in].
  public static let phi = Family(
    "phi", modelTypes: ["phi"], tensors: .llama
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.heads(width: width)
    let inner = try config.size("intermediate_size")
    let function = try config.activation("hidden_act", else: "gelu_new")
    let norm = LayerNorm(epsilon: try config.epsilon("layer_norm_eps", else: 1e-5))
    let normsHeads = try config.bool("qk_layernorm") ?? false
    let rotation = try config.rotation(
      width: heads.width, positions: 2048, rules: RotaryRules(share: 0.5))
    let isTied = try config.bool("tie_word_embeddings") ?? false

    var g = GraphBuilder(root: "model.", layout: .outputsFirst)
    let table = g.parameter("embed_tokens.weight", vocabulary, width)
    var x = g.embedding("embed/token", .tokenIDs, in: table)
    for layer in 0..<layers {
      g.block(layer, parameters: "layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let read = b.layerNorm("ln_1", stream, norm, "input_layernorm")
        var projected = b.heads(read, heads, ["q", "k", "v"].map { "self_attn.\($0)_proj" }, hasBias: true)
        if normsHeads {
          let query = b.layerNorm("q_norm", projected.query, norm, "self_attn.q_layernorm")
          let key = b.layerNorm("k_norm", projected.key, norm, "self_attn.k_layernorm")
          projected = ProjectedHeads(query: query, key: key, value: projected.value)
        }
        let attended = b.attended(
          b.rotated(projected, rotation), width: heads.width, "self_attn.dense", outputs: width,
          hasBias: true)
        let thought = b.feedForward(
          read, function, up: "mlp.fc1", down: "mlp.fc2", inner: inner, outputs: width, hasBias: true)
        x = b.sum("resid_out", stream, attended, thought)
      }
    }
    let last = g.layerNorm("final/ln_f", x, norm, "final_layernorm")
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    return try g.graph(readingOut: last, rowsOf: head, bias: Parameter("lm_head.bias", [vocabulary]))
  }
}
