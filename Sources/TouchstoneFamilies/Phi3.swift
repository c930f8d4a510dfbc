import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// Phi-3, 3.5 and 4: Llama's block with queries, keys and values in one matrix and gate and up in another, the first
  /// columns of each head turning, one window for all blocks or none.
  ///
  /// Abdin et al. 2024; Hugging Face's `Phi3Config`, `Phi3Attention` and `Phi3MLP`. Matrices are stored [out, in].
  public static let phi3 = Family(
    "phi3", modelTypes: ["phi3"], padding: .unlearned(32_000), tensors: .llama
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.heads(width: width)
    let inner = try config.size("intermediate_size")
    let norm = RMSNorm(epsilon: try config.epsilon("rms_norm_eps", else: 1e-5))
    let function = try config.activation("hidden_act", else: "silu")
    // The first files called longrope su, or yarn.
    let rules = RotaryRules(
      share: 1, originalPositions: 4096,
      types: ["default": "default", "longrope": "longrope", "su": "longrope", "yarn": "longrope"])
    let rotation = try config.rotation(width: heads.width, positions: 4096, rules: rules)
    let window = try config.optionalSize("sliding_window")
    let isTied = try config.bool("tie_word_embeddings") ?? false

    var g = GraphBuilder(root: "model.", layout: .outputsFirst)
    let table = g.parameter("embed_tokens.weight", vocabulary, width)
    var x = g.embedding("embed/token", .tokenIDs, in: table)
    for layer in 0..<layers {
      g.block(layer, parameters: "layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.rmsNorm("ln_1", stream, norm, "input_layernorm")
        let projected = b.fusedHeads(
          first, heads, "self_attn.qkv_proj", groups: 1, byHead: true, hasBias: false)
        let attended = b.attended(
          b.rotated(projected, rotation), width: heads.width,
          visibility: Visibility(isCausal: true, window: window), "self_attn.o_proj", outputs: width,
          hasBias: false)
        let middle = b.sum("resid_mid", stream, attended)
        let second = b.rmsNorm("ln_2", middle, norm, "post_attention_layernorm")
        let thought = b.fusedFeedForward(second, function, inner: inner, outputs: width)
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.rmsNorm("final/ln_f", x, norm, "norm")
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    return try g.graph(readingOut: last, rowsOf: head)
  }
}

extension GraphBuilder {
  /// The gated feed-forward block with the gate before what it lets through in `gate_up_proj`.
  fileprivate mutating func fusedFeedForward(
    _ x: Activation, _ function: ActivationFunction, inner: Int, outputs: Int
  ) -> Activation {
    let module = "mlp.gate_up_proj"
    let gate = linear(
      "mlp_gate", x, module, outputs: 2 * inner, selection: .part(0, of: 2), hasBias: false)
    let up = linear("mlp_up", x, module, outputs: 2 * inner, selection: .part(1, of: 2), hasBias: false)
    let gated = product("mlp_gated", activate("mlp_act", function, gate), up)
    return linear("mlp_out", gated, "mlp.down_proj", outputs: outputs, hasBias: false)
  }
}
