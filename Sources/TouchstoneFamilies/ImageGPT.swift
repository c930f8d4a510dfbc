import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// ImageGPT: GPT-2's block without means and shifts in its norms, over colours; the start of an image has a row of the
  /// table and no logit.
  ///
  /// Chen et al. 2020, §2.2; Hugging Face's `ImageGPTConfig`, `ImageGPTLayerNorm` (a norm by the mean square) and
  /// `ImageGPTForCausalImageModeling`. Matrices are stored [in, out].
  public static let imageGPT = Family(
    "imagegpt", modelTypes: ["imagegpt"], padding: .learned,
    tensors: TensorNames(root: "transformer.", bufferEndings: [".attn.bias", ".attn.masked_bias"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("n_embd", "hidden_size")
    let layers = try config.layerCount("n_layer", "num_hidden_layers")
    let heads = try config.evenHeads("n_head", "num_attention_heads", width: width)
    let inner = try config.size("n_inner", else: 4 * width)
    let positions = try config.size("n_positions", "max_position_embeddings")
    let function = try config.activation("activation_function", else: "quick_gelu")
    let norm = RMSNorm(epsilon: try config.epsilon("layer_norm_epsilon", else: 1e-5))
    let isScaled = try config.bool("scale_attn_weights") ?? true
    let isScaledByLayer = try config.bool("scale_attn_by_inverse_layer_idx") ?? false
    try config.expect("tie_word_embeddings", false)
    guard vocabulary > 1 else {
      throw BadInput(
        place: "vocab_size", problem: "is 1, the start of an image alone", remedy: "correct the field")
    }

    var g = GraphBuilder(root: "transformer.", layout: .inputsFirst)
    var x = g.sum(
      "embed/sum", g.embedding("embed/token", .tokenIDs, in: g.parameter("wte.weight", vocabulary, width)),
      g.embedding("embed/position", .positionIDs, in: g.parameter("wpe.weight", positions, width)))
    for layer in 0..<layers {
      g.block(layer, parameters: "h.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.rmsNorm("ln_1", stream, norm, "ln_1")
        let projected = b.fusedHeads(first, heads, "attn.c_attn", groups: 1, hasBias: true)
        let attended = b.attended(
          projected, width: heads.width,
          scale: Configuration.scoreScale(
            headWidth: heads.width, layer: layer, scalesScores: isScaled, byLayer: isScaledByLayer),
          "attn.c_proj", outputs: width, hasBias: true)
        let middle = b.sum("resid_mid", stream, attended)
        let second = b.rmsNorm("ln_2", middle, norm, "ln_2")
        let thought = b.feedForward(
          second, function, up: "mlp.c_fc", down: "mlp.c_proj", inner: inner, outputs: width, hasBias: true)
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.rmsNorm("final/ln_f", x, norm, "ln_f")
    return try g.graph(readingOut: last, rowsOf: Parameter("lm_head.weight", [vocabulary - 1, width]))
  }
}
