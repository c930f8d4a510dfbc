import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// StarCoder2: Llama's attention with biases and a window, LayerNorm, and a plain feed-forward block.
  ///
  /// Lozhkov et al. 2024, §6; Hugging Face's `Starcoder2Config`, `Starcoder2Attention` and `Starcoder2MLP`. Matrices are
  /// stored [out, in].
  public static let starCoder2 = Family(
    "starcoder2", modelTypes: ["starcoder2"], tensors: .llama
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.heads(width: width, keyHeads: 2)
    let inner = try config.size("intermediate_size")
    let norm = LayerNorm(epsilon: try config.epsilon("norm_epsilon", else: 1e-5))
    let function = try config.activation("hidden_act", else: "gelu_pytorch_tanh")
    let hasBias = try config.bool("use_bias") ?? true
    let rotation = try config.rotation(width: heads.width, positions: 4096)
    let window = try config.optionalSize("sliding_window")
    let isTied = try config.bool("tie_word_embeddings") ?? true
    try config.expect("norm_type", among: "layer_norm")
    try config.expect("mlp_type", among: "default")

    var g = GraphBuilder(root: "model.", layout: .outputsFirst)
    let table = g.parameter("embed_tokens.weight", vocabulary, width)
    var x = g.embedding("embed/token", .tokenIDs, in: table)
    for layer in 0..<layers {
      g.block(layer, parameters: "layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.layerNorm("ln_1", stream, norm, "input_layernorm")
        let attended = b.rotaryAttention(
          first, heads, rotation, outputs: width, hasInputBias: hasBias, hasOutputBias: hasBias,
          visibility: Visibility(isCausal: true, window: window))
        let middle = b.sum("resid_mid", stream, attended)
        let second = b.layerNorm("ln_2", middle, norm, "post_attention_layernorm")
        let thought = b.feedForward(
          second, function, up: "mlp.c_fc", down: "mlp.c_proj", inner: inner, outputs: width,
          hasBias: hasBias)
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.layerNorm("final/ln_f", x, norm, "norm")
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    return try g.graph(readingOut: last, rowsOf: head)
  }
}
