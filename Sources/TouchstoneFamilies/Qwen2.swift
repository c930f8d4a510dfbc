import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// Qwen2 and 2.5: Llama's block with biases on queries, keys and values alone, and where the configuration asks for it
  /// a window in some blocks.
  ///
  /// Yang et al. 2024, §2.2; Hugging Face's `Qwen2Config` and `Qwen2Attention`. Matrices are stored [out, in].
  public static let qwen2 = Family(
    "qwen2", modelTypes: ["qwen2"], tensors: .llama
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.heads(width: width, keyHeads: 32)
    let inner = try config.size("intermediate_size")
    let norm = RMSNorm(epsilon: try config.epsilon("rms_norm_eps", else: 1e-6))
    let function = try config.activation("hidden_act", else: "silu")
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
          first, heads, rotation, outputs: width, hasInputBias: true, hasOutputBias: false,
          visibility: Visibility(isCausal: true, window: windows[layer]))
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

extension ConfigFields {
  /// The window of each block, nil where it sees all that came before.
  ///
  /// `sliding_window`, 4096 where it is absent and none where it is null, counts with `use_sliding_window` only: in the
  /// blocks that `layer_types` lists, or from `max_window_layers` on.
  mutating func switchedWindows(_ layers: Int) throws(BadInput) -> [Int?] {
    let isUsed = try bool("use_sliding_window") ?? false
    let hasNone = isNull("sliding_window")
    let window = isUsed && !hasNone ? try size("sliding_window", else: 4096) : nil
    let first = try integer("max_window_layers") ?? 28
    let listed = try slidingLayers(of: layers)
    guard window != nil || listed?.contains(true) != true else {
      throw BadInput(
        place: "layer_types", problem: "lists sliding_attention, but there is no window",
        remedy: "set use_sliding_window and sliding_window, or list full_attention")
    }
    return (0..<layers).map { (listed?[$0] ?? ($0 >= first)) ? window : nil }
  }
}
