import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// T5 and Flan-T5: an encoder and a decoder without positions, whose scores have a bias by distance and no scale.
  ///
  /// All layers of a stack have the same bias. 1.1 and Flan gate their feed-forward blocks, and have a readout of their own.
  /// Raffel et al. 2020, §2.1; Hugging Face's `T5Config`, `T5Attention`, `T5LayerFF` and `T5ForConditionalGeneration`.
  /// Matrices are stored [out, in], without biases.
  public static let t5 = Family(
    "t5", modelTypes: ["t5"], padding: .learned,
    tensors: TensorNames(
      root: "", bufferEndings: ["EncDecAttention.relative_attention_bias.weight"],
      ties: [
        "encoder.embed_tokens.weight": "shared.weight", "decoder.embed_tokens.weight": "shared.weight",
        "lm_head.weight": "shared.weight",
      ])
  ) { (config: inout ConfigFields) throws(BadInput) in
    try config.expectEncoderDecoder("T5ForConditionalGeneration")
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("d_model")
    let count = try config.size("num_heads")
    let heads = HeadCounts(query: count, key: count, width: try config.size("d_kv"))
    let inner = try config.size("d_ff")
    let layers = try config.layerCount("num_layers")
    let ownLayers =
      try config.integer("num_decoder_layers") == nil ? layers : try config.layerCount("num_decoder_layers")
    let buckets = try config.size("relative_attention_num_buckets", else: 32)
    let distance = try config.size("relative_attention_max_distance", else: 128)
    let norm = RMSNorm(epsilon: try config.epsilon("layer_norm_epsilon", else: 1e-6))
    let feedForward = try config.feedForward()
    // Version 5 of transformers says so of the scale, version 4 of the readout: 1.0 ties it and scales, 1.1 neither.
    let isTied = try config.bool("tie_word_embeddings") ?? true
    let isScaled = try config.bool("scale_decoder_outputs") ?? isTied
    // Version 5 saves 1.1 as tied, whether it has a readout of its own or not: which it is, the tensors say.
    let isShared = try config.bool(Architecture.sharesReadout) ?? false

    var g = GraphBuilder(root: "", layout: .outputsFirst)
    let table = g.parameter("shared.weight", vocabulary, width)
    func stack(_ stack: Stack, _ layers: Int, _ g: inout GraphBuilder) -> Activation {
      var x = g.embedding("\(stack.name)/embed/token", stack.tokenIDs, in: table)
      let bias = g.relativeBias(
        "\(stack.name)/embed/attn_bias",
        RelativeBias(
          buckets: buckets, greatestDistance: distance, isBothWays: stack == .encoder,
          ofSource: stack == .encoder),
        in: g.parameter(
          "\(stack.name).block.0.layer.0.SelfAttention.relative_attention_bias.weight", buckets, count))
      for layer in 0..<layers {
        g.block(layer, of: "\(stack.name)/layers", parameters: "\(stack.name).block.\(layer).") { b in
          func modules(of attention: String) -> [String] {
            ["q", "k", "v", "o"].map { "\(attention).\($0)" }
          }
          let stream = b.identity("resid_in", x)
          let own = modules(of: "layer.0.SelfAttention")
          let first = b.rmsNorm("ln_1", stream, norm, "layer.0.layer_norm")
          let attended = b.attended(
            b.heads(first, heads, own, hasBias: false), width: heads.width, scale: 1,
            visibility: stack.visibility, bias: bias, own[3], outputs: width, hasBias: false)
          var middle = b.sum("resid_mid", stream, attended)
          if let source = stack.source {
            let crossed = b.crossAttention(
              b.rmsNorm("ln_cross", middle, norm, "layer.1.layer_norm"), to: source, heads,
              modules(of: "layer.1.EncDecAttention"), hasBias: false, scale: 1, outputs: width)
            middle = b.sum("resid_cross", middle, crossed)
          }
          let last = stack == .encoder ? "layer.1" : "layer.2"
          let second = b.rmsNorm("ln_2", middle, norm, last + ".layer_norm")
          let thought = b.feedForward(
            second, feedForward, in: last + ".DenseReluDense", inner: inner, outputs: width)
          x = b.sum("resid_out", middle, thought)
        }
      }
      return g.rmsNorm(
        stack == .encoder ? "encoder/final/ln_f" : "final/ln_f", x, norm, "\(stack.name).final_layer_norm")
    }
    let source = stack(.encoder, layers, &g)
    var last = stack(.decoder(source: source), ownLayers, &g)
    if isScaled { last = g.scale("final/scaled", last, by: 1 / Double(width).squareRoot()) }
    return try g.graph(
      readingOut: last,
      rowsOf: isScaled || isShared ? table : Parameter("lm_head.weight", [vocabulary, width]))
  }
}

/// The nonlinearity of T5's feed-forward blocks, and whether it gates.
private struct FeedForward {
  let function: ActivationFunction
  let isGated: Bool
}

extension ConfigFields {
  /// What `feed_forward_proj` says: a function, or `gated-` in front of one; `gated-gelu` means the form with tanh.
  fileprivate mutating func feedForward() throws(BadInput) -> FeedForward {
    let name = "feed_forward_proj"
    let text = try string(name) ?? "relu"
    guard text != "gated-gelu" else {
      return FeedForward(function: ActivationFunction(.geluTanh), isGated: true)
    }
    let isGated = text.hasPrefix("gated-")
    return FeedForward(
      function: try activation(isGated ? String(text.dropFirst(6)) : text, at: name), isGated: isGated)
  }
}

extension GraphBuilder {
  fileprivate mutating func feedForward(
    _ x: Activation, _ kind: FeedForward, in module: String, inner: Int, outputs: Int
  ) -> Activation {
    guard kind.isGated else {
      return feedForward(
        x, kind.function, up: module + ".wi", down: module + ".wo", inner: inner, outputs: outputs,
        hasBias: false)
    }
    let gate = linear("mlp_gate", x, module + ".wi_0", outputs: inner, hasBias: false)
    let up = linear("mlp_up", x, module + ".wi_1", outputs: inner, hasBias: false)
    let gated = product("mlp_gated", activate("mlp_act", kind.function, gate), up)
    return linear("mlp_out", gated, module + ".wo", outputs: outputs, hasBias: false)
  }
}
