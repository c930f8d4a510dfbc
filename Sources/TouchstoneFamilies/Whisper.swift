import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// Whisper: an encoder that hears features of a sound through two convolutions, and a decoder that writes what is said.
  ///
  /// Norms stand before each half, keys have no bias, positions of the encoder are stored waves, those of the decoder learned.
  /// Radford et al. 2022; Hugging Face's `WhisperConfig`, `WhisperEncoder`, `WhisperDecoder` and
  /// `WhisperForConditionalGeneration`. ε is 1e-5 and the convolutions' function GELU with erf, whatever a configuration says;
  /// the embedding is not scaled. Matrices are stored [out, in].
  public static let whisper = Family(
    "whisper", modelTypes: ["whisper"], padding: .unlearned(50_256),
    tensors: TensorNames(root: "model.", ties: ["proj_out.weight": "model.decoder.embed_tokens.weight"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    try config.expectEncoderDecoder("WhisperForConditionalGeneration")
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("d_model")
    let mels = try config.size("num_mel_bins", else: 80)
    let encoder = try config.stackSizes("encoder", width: width)
    let decoder = try config.stackSizes("decoder", width: width)
    let heard = try config.size("max_source_positions", else: 1500)
    let positions = try config.size("max_target_positions", else: 448)
    let function = try config.activation("activation_function", else: "gelu")
    // Nothing reads it.
    _ = try config.bool("scale_embedding")
    let isTied = try config.bool("tie_word_embeddings") ?? true
    let norm = LayerNorm(epsilon: 1e-5)

    var g = GraphBuilder(root: "model.", layout: .outputsFirst)
    let first = g.convolution(
      "encoder/embed/conv_1", nil, Convolution(stride: 1, padding: 1, frames: 2 * heard), "encoder.conv1",
      inputs: mels, outputs: width, width: 3)
    let second = g.convolution(
      "encoder/embed/conv_2", g.activate("encoder/embed/conv_1_act", ActivationFunction(.geluErf), first),
      Convolution(stride: 2, padding: 1), "encoder.conv2", inputs: width, outputs: width, width: 3)
    let frames = g.transpose(
      "encoder/embed/frames", g.activate("encoder/embed/conv_2_act", ActivationFunction(.geluErf), second))
    func placed(_ stack: Stack, _ x: Activation, _ count: Int, _ g: inout GraphBuilder) -> Activation {
      let position = g.embedding(
        "\(stack.name)/embed/position", stack.positionIDs,
        in: g.parameter("\(stack.name).embed_positions.weight", count, width))
      return g.sum("\(stack.name)/embed/sum", x, position)
    }
    let source = g.layerNorm(
      "encoder/final/ln_f",
      g.blocksNormedBefore(
        .encoder, placed(.encoder, frames, heard, &g), encoder, function, norm, width: width),
      norm, "encoder.layer_norm")
    let table = g.parameter("decoder.embed_tokens.weight", vocabulary, width)
    let stack = Stack.decoder(source: source)
    let written = placed(stack, g.embedding("decoder/embed/token", .tokenIDs, in: table), positions, &g)
    let last = g.layerNorm(
      "final/ln_f", g.blocksNormedBefore(stack, written, decoder, function, norm, width: width), norm,
      "decoder.layer_norm")
    return try g.graph(
      readingOut: last, rowsOf: isTied ? table : Parameter("proj_out.weight", [vocabulary, width]))
  }
}

extension GraphBuilder {
  /// The blocks of a stack whose norms stand before each half, and whose keys have no bias.
  ///
  /// - Returns: the last `resid_out`.
  fileprivate mutating func blocksNormedBefore(
    _ stack: Stack, _ first: Activation, _ sizes: StackSizes, _ function: ActivationFunction,
    _ norm: LayerNorm, width: Int
  ) -> Activation {
    var x = first
    func modules(of attention: String) -> [String] {
      ["q_proj", "k_proj", "v_proj", "out_proj"].map { "\(attention).\($0)" }
    }
    for layer in 0..<sizes.layers {
      block(layer, of: "\(stack.name)/layers", parameters: "\(stack.name).layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let own = modules(of: "self_attn")
        let before = b.layerNorm("ln_1", stream, norm, "self_attn_layer_norm")
        let heads = zip(["q", "k", "v"], own).map { name, module in
          b.linear(name, before, module, outputs: width, hasBias: name != "k", heads: sizes.heads.query)
        }
        let attended = b.attended(
          ProjectedHeads(query: heads[0], key: heads[1], value: heads[2]), width: sizes.heads.width,
          visibility: stack.visibility, own[3], outputs: width, hasBias: true)
        var middle = b.sum("resid_mid", stream, attended)
        if let source = stack.source {
          let crossed = b.crossAttention(
            b.layerNorm("ln_cross", middle, norm, "encoder_attn_layer_norm"), to: source, sizes.heads,
            modules(of: "encoder_attn"), hasBias: true, hasKeyBias: false, outputs: width)
          middle = b.sum("resid_cross", middle, crossed)
        }
        let thought = b.feedForward(
          b.layerNorm("ln_2", middle, norm, "final_layer_norm"), function, up: "fc1", down: "fc2",
          inner: sizes.inner, outputs: width, hasBias: true)
        x = b.sum("resid_out", middle, thought)
      }
    }
    return x
  }
}
