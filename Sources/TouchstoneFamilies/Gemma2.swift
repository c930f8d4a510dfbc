import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// Gemma 2: Gemma's block with a norm behind each half too, capped scores and logits, and a window in every other block.
  ///
  /// Gemma Team 2024b, §2; Hugging Face's `Gemma2Config`, `Gemma2Attention` and `Gemma2DecoderLayer`. Matrices are stored
  /// [out, in].
  public static let gemma2 = Family(
    "gemma2", modelTypes: ["gemma2"], padding: .unlearned(0), tensors: .llama
  ) { (config: inout ConfigFields) throws(BadInput) in
    let block = try GemmaBlock(&config)
    let rotation = try config.rotation(width: block.heads.width, positions: 8192)
    let windows = try config.windows(of: block.layers) { $0.isMultiple(of: 2) }
    let scoreCap = try config.cap("attn_logit_softcapping", else: 50)
    let logitCap = try config.cap("final_logit_softcapping", else: 30)
    return try block.graph(capping: logitCap) { b, first, layer in
      b.rotaryAttention(
        first, block.heads, rotation, outputs: block.width, hasInputBias: block.hasBias,
        hasOutputBias: block.hasBias, visibility: Visibility(isCausal: true, window: windows[layer]),
        scale: block.scale, cap: scoreCap)
    }
  }
}

/// What Gemma 2 and 3 have in common: everything but the attention's inside.
struct GemmaBlock {
  let vocabulary: Int
  /// D.
  let width: Int
  let layers: Int
  let heads: HeadCounts
  /// F.
  let inner: Int
  let norm: RMSNorm
  let function: ActivationFunction
  /// Whether the projections of attention have biases.
  let hasBias: Bool
  /// The factor on scores.
  let scale: Double
  let isTied: Bool

  /// Reads the fields, with the defaults that both configuration classes have.
  ///
  /// - Throws: ``BadInput`` naming a field that is missing or cannot be.
  init(_ config: inout ConfigFields) throws(BadInput) {
    vocabulary = try config.size("vocab_size")
    width = try config.size("hidden_size")
    layers = try config.layerCount("num_hidden_layers")
    heads = try config.heads(width: width, keyHeads: 4, headWidth: 256)
    inner = try config.size("intermediate_size")
    norm = RMSNorm(epsilon: try config.epsilon("rms_norm_eps", else: 1e-6), offset: 1)
    function = try config.activation("hidden_activation", else: "gelu_pytorch_tanh")
    hasBias = try config.bool("attention_bias") ?? false
    scale = try config.scoreScale(else: 256)
    isTied = try config.bool("tie_word_embeddings") ?? true
    try config.refuseSeeingAhead()
  }

  /// The graph: the embedding times √D, blocks whose halves are normalised before and behind, the readout.
  ///
  /// - Parameters:
  ///   - cap: of the logits; nil for none.
  ///   - attention: from `ln_1` to `attn_out`, of a block.
  func graph(
    capping cap: Double?, attention: (inout GraphBuilder, Activation, _ layer: Int) -> Activation
  ) throws(BadInput) -> Graph {
    var g = GraphBuilder(root: "model.", layout: .outputsFirst)
    let table = g.parameter("embed_tokens.weight", vocabulary, width)
    let token = g.embedding("embed/token", .tokenIDs, in: table)
    var x = g.scale("embed/scaled", token, by: Double(width).squareRoot())
    for layer in 0..<layers {
      g.block(layer, parameters: "layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let attended = attention(&b, b.rmsNorm("ln_1", stream, norm, "input_layernorm"), layer)
        let heard = b.rmsNorm("attn_post_norm", attended, norm, "post_attention_layernorm")
        let middle = b.sum("resid_mid", stream, heard)
        let second = b.rmsNorm("ln_2", middle, norm, "pre_feedforward_layernorm")
        let made = b.gatedFeedForward(second, function, inner: inner, outputs: width)
        let thought = b.rmsNorm("mlp_post_norm", made, norm, "post_feedforward_layernorm")
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.rmsNorm("final/ln_f", x, norm, "norm")
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    return try g.graph(readingOut: last, rowsOf: head, cap: cap)
  }
}
