import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// Qwen3: Qwen2's block without biases, with RMSNorm over each head of queries and keys before they turn.
  ///
  /// Yang et al. 2025, §2; Hugging Face's `Qwen3Config` and `Qwen3Attention`. Matrices are stored [out, in].
  public static let qwen3 = Family(
    "qwen3", modelTypes: ["qwen3"], tensors: .llama
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.heads(width: width, keyHeads: 32, headWidth: 128)
    let inner = try config.size("intermediate_size")
    let norm = RMSNorm(epsilon: try config.epsilon("rms_norm_eps", else: 1e-6))
    let function = try config.activation("hidden_act", else: "silu")
    let hasBias = try config.bool("attention_bias") ?? false
    let rotation = try config.rotation(width: heads.width, positions: 32_768)
    let windows = try config.switchedWindows(layers)
    let isTied = try config.bool("tie_word_embeddings") ?? false

    var g = GraphBuilder(root: "model.", layout: .outputsFirst)
    let table = g.parameter("embed_tokens.weight", vocabulary, width)
    var x = g.embedding("embed/token", .tokenIDs, in: table)
    for layer in 0..<layers {
      g.block(layer, parameters: "layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.rmsNorm("ln_1", stream, norm, "input_layernorm")
        let attended = b.rotaryAttention(
          first, heads, rotation, outputs: width, hasInputBias: hasBias, hasOutputBias: hasBias,
          visibility: Visibility(isCausal: true, window: windows[layer]), headNorm: norm)
        let middle = b.sum("resid_mid", stream, attended)
        let second = b.rmsNorm("ln_2", middle, norm, "post_attention_layernorm")
        let thought = b.gatedFeedForward(second, function, inner: inner, outputs: width)
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.rmsNorm("final/ln_f", x, norm, "norm")
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    return try g.graph(readingOut: last, rowsOf: head)
  }
}
