import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// Mixtral: Mistral's block with experts instead of one feed-forward block, of which each token goes to a few.
  ///
  /// Jiang et al. 2024; Hugging Face's `MixtralConfig`, `MixtralTopKRouter` and `MixtralExperts`. Matrices are stored
  /// [out, in], of each expert by itself: w1 the gate, w3 what passes it, w2 the way back.
  public static let mixtral = Family(
    "mixtral", modelTypes: ["mixtral"], tensors: .llama
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.heads(width: width, keyHeads: 8)
    let inner = try config.size("intermediate_size")
    let norm = RMSNorm(epsilon: try config.epsilon("rms_norm_eps", else: 1e-5))
    let function = try config.activation("hidden_act", else: "silu")
    let rotation = try config.rotation(width: heads.width, positions: 131_072, rules: RotaryRules(theta: 1e6))
    let window = try config.optionalSize("sliding_window")
    let routing = try config.routing(experts: 8, choices: 2)
    let isTied = try config.bool("tie_word_embeddings") ?? false

    var g = GraphBuilder(root: "model.", layout: .outputsFirst)
    let table = g.parameter("embed_tokens.weight", vocabulary, width)
    var x = g.embedding("embed/token", .tokenIDs, in: table)
    for layer in 0..<layers {
      g.block(layer, parameters: "layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.rmsNorm("ln_1", stream, norm, "input_layernorm")
        let attended = b.rotaryAttention(
          first, heads, rotation, outputs: width, hasInputBias: false, hasOutputBias: false,
          visibility: Visibility(isCausal: true, window: window))
        let middle = b.sum("resid_mid", stream, attended)
        let second = b.rmsNorm("ln_2", middle, norm, "post_attention_layernorm")
        let thought = b.gatedExperts(
          second, routing, weights: RouteWeights(isNormalised: true), function, inner: inner, outputs: width,
          in: "block_sparse_moe.", modules: ["w1", "w3", "w2"])
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.rmsNorm("final/ln_f", x, norm, "norm")
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    return try g.graph(readingOut: last, rowsOf: head)
  }
}
