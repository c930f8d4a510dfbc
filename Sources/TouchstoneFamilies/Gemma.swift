import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// Gemma 1: Llama's block with the embedding times √D, gains stored less one, wide heads and a gate by GELU.
  ///
  /// Gemma Team 2024a, §2; Hugging Face's `GemmaConfig`, `GemmaRMSNorm` and `GemmaTextScaledWordEmbedding`. Matrices are
  /// stored [out, in].
  public static let gemma = Family(
    "gemma", modelTypes: ["gemma"], padding: .unlearned(0), tensors: .llama
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.heads(width: width, keyHeads: 16, headWidth: 256)
    let inner = try config.size("intermediate_size")
    let norm = RMSNorm(epsilon: try config.epsilon("rms_norm_eps", else: 1e-6), offset: 1)
    let function = try config.gate()
    let hasBias = try config.bool("attention_bias") ?? false
    let rotation = try config.rotation(width: heads.width, positions: 8192)
    let isTied = try config.bool("tie_word_embeddings") ?? true
    try config.refuseSeeingAhead()

    var g = GraphBuilder(root: "model.", layout: .outputsFirst)
    let table = g.parameter("embed_tokens.weight", vocabulary, width)
    let token = g.embedding("embed/token", .tokenIDs, in: table)
    var x = g.scale("embed/scaled", token, by: Double(width).squareRoot())
    for layer in 0..<layers {
      g.block(layer, parameters: "layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.rmsNorm("ln_1", stream, norm, "input_layernorm")
        let attended = b.rotaryAttention(
          first, heads, rotation, outputs: width, hasInputBias: hasBias, hasOutputBias: hasBias)
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
  /// `hidden_act`, where "gelu" means its form by tanh, as the first files had it; transformers 4 read `hidden_activation`
  /// in its place.
  fileprivate mutating func gate() throws(BadInput) -> ActivationFunction {
    let form = "gelu_pytorch_tanh"
    let isOldName = try string("hidden_act") == "gelu"
    let function = isOldName ? ActivationFunction(.geluTanh) : try activation("hidden_act", else: form)
    if try string("hidden_activation") != nil, try activation("hidden_activation", else: form) != function {
      throw BadInput(
        place: "hidden_activation", problem: "names another function than hidden_act",
        remedy: "keep the one that is right")
    }
    return function
  }
}
