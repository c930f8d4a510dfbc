import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// Qwen3 with experts: Qwen3's attention, and in the blocks that the configuration does not name dense a router with
  /// experts.
  ///
  /// Yang et al. 2025, §2.2; Hugging Face's `Qwen3MoeConfig`, `Qwen3MoeTopKRouter` and `Qwen3MoeDecoderLayer`. Matrices are
  /// stored [out, in], of each expert by itself.
  public static let qwen3MoE = Family(
    "qwen3_moe", modelTypes: ["qwen3_moe"], tensors: .llama
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.heads(width: width, keyHeads: 4)
    let inner = try config.size("intermediate_size", else: 6144)
    let expertInner = try config.size("moe_intermediate_size", else: 768)
    let norm = RMSNorm(epsilon: try config.epsilon("rms_norm_eps", else: 1e-6))
    let function = try config.activation("hidden_act", else: "silu")
    let hasBias = try config.bool("attention_bias") ?? false
    let rotation = try config.rotation(width: heads.width, positions: 32_768)
    let hasWindow = try config.bool("use_sliding_window") ?? false
    let size = config.isNull("sliding_window") ? nil : try config.size("sliding_window", else: 4096)
    let visibility = Visibility(isCausal: true, window: hasWindow ? size : nil)
    let routing = try config.routing(experts: 128, choices: 8)
    let isNormalised = try config.bool("norm_topk_prob") ?? false
    let isSparse = try config.sparseBlocks(layers)
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
          visibility: visibility, headNorm: norm)
        let middle = b.sum("resid_mid", stream, attended)
        let second = b.rmsNorm("ln_2", middle, norm, "post_attention_layernorm")
        let thought =
          isSparse[layer]
          ? b.gatedExperts(
            second, routing, weights: RouteWeights(isNormalised: isNormalised), function, inner: expertInner,
            outputs: width,
            in: "mlp.", modules: ["gate_proj", "up_proj", "down_proj"])
          : b.gatedFeedForward(second, function, inner: inner, outputs: width)
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.rmsNorm("final/ln_f", x, norm, "norm")
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    return try g.graph(readingOut: last, rowsOf: head)
  }
}

extension ConfigFields {
  /// Which blocks have experts: every `decoder_sparse_step`-th, counted from 1, but for those of `mlp_only_layers`.
  fileprivate mutating func sparseBlocks(_ layers: Int) throws(BadInput) -> [Bool] {
    let step = try size("decoder_sparse_step", else: 1)
    let dense = try integers("mlp_only_layers") ?? []
    if let other = dense.first(where: { !(0..<layers).contains($0) }) {
      throw BadInput(
        place: "mlp_only_layers", problem: "names the block \(other) where there are \(layers)",
        remedy: "name blocks from 0 to \(layers - 1)")
    }
    return (0..<layers).map { !dense.contains($0) && ($0 + 1).isMultiple(of: step) }
  }
}
