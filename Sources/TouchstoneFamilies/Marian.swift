import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// Marian: the translating transformer of 2017, norms behind the sums, positions as sines and cosines in halves.
  ///
  /// Vaswani et al. 2017; Junczys-Dowmunt et al. 2018; Hugging Face's `MarianConfig`, `MarianEncoder`, `MarianDecoder` and
  /// `MarianSinusoidalPositionalEmbedding`. ε is 1e-5, whatever a configuration says. Matrices are stored [out, in].
  public static let marian = Family(
    "marian", modelTypes: ["marian"], padding: .unlearned(58_100),
    tensors: TensorNames(
      root: "model.", bufferEndings: ["embed_positions.weight"],
      ties: [
        "model.encoder.embed_tokens.weight": "model.shared.weight",
        "model.decoder.embed_tokens.weight": "model.shared.weight", "lm_head.weight": "model.shared.weight",
      ])
  ) { (config: inout ConfigFields) throws(BadInput) in
    try config.expectEncoderDecoder("MarianMTModel")
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("d_model")
    let encoder = try config.stackSizes("encoder", width: width)
    let decoder = try config.stackSizes("decoder", width: width)
    let function = try config.activation("activation_function", else: "gelu")
    let isScaled = try config.bool("scale_embedding") ?? false
    let isShared = try config.bool("share_encoder_decoder_embeddings") ?? true
    let isTied = try config.bool("tie_word_embeddings") ?? true
    let ownVocabulary = try config.size("decoder_vocab_size", else: vocabulary)
    let outputs = isShared ? vocabulary : ownVocabulary
    let norm = LayerNorm(epsilon: 1e-5)

    var g = GraphBuilder(root: "model.", layout: .outputsFirst)
    func table(of stack: Stack, _ g: GraphBuilder) -> Parameter {
      isShared
        ? g.parameter("shared.weight", vocabulary, width)
        : g.parameter(
          "\(stack.name).embed_tokens.weight", stack == .encoder ? vocabulary : ownVocabulary, width)
    }
    func stack(_ stack: Stack, _ sizes: StackSizes, _ g: inout GraphBuilder) -> Activation {
      var token = g.embedding("\(stack.name)/embed/token", stack.tokenIDs, in: table(of: stack, g))
      if isScaled {
        token = g.scale("\(stack.name)/embed/scaled", token, by: Double(width).squareRoot())
      }
      let position = g.sinusoid(
        "\(stack.name)/embed/position", Sinusoid(stack.positionIDs, width: width, form: .halves))
      let first = g.sum("\(stack.name)/embed/sum", token, position)
      return g.blocksNormedBehind(stack, first, sizes, function, norm, width: width)
    }
    let source = stack(.encoder, encoder, &g)
    let last = stack(.decoder(source: source), decoder, &g)
    return try g.graph(
      readingOut: last,
      rowsOf: isTied
        ? table(of: .decoder(source: source), g) : Parameter("lm_head.weight", [outputs, width]),
      bias: Parameter("final_logits_bias", [1, outputs]))
  }
}
