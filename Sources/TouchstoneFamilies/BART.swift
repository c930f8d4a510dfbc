import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// BART: an encoder and a decoder whose norms stand behind the sums, learned positions whose tables begin two rows late.
  ///
  /// Lewis et al. 2020; Hugging Face's `BartConfig`, `BartEncoderLayer`, `BartDecoderLayer` and
  /// `BartForConditionalGeneration`. ε is 1e-5, whatever a configuration says. Matrices are stored [out, in].
  public static let bart = Family(
    "bart", modelTypes: ["bart"], padding: .unlearned(1),
    tensors: TensorNames(
      root: "model.",
      ties: [
        "model.encoder.embed_tokens.weight": "model.shared.weight",
        "model.decoder.embed_tokens.weight": "model.shared.weight", "lm_head.weight": "model.shared.weight",
      ])
  ) { (config: inout ConfigFields) throws(BadInput) in
    try config.expectEncoderDecoder("BartForConditionalGeneration")
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("d_model")
    let encoder = try config.stackSizes("encoder", width: width)
    let decoder = try config.stackSizes("decoder", width: width)
    let positions = try config.size("max_position_embeddings", else: 1024)
    let function = try config.activation("activation_function", else: "gelu")
    let isScaled = try config.bool("scale_embedding") ?? false
    let isTied = try config.bool("tie_word_embeddings") ?? true
    let norm = LayerNorm(epsilon: 1e-5)

    var g = GraphBuilder(root: "model.", layout: .outputsFirst)
    let table = g.parameter("shared.weight", vocabulary, width)
    func stack(_ stack: Stack, _ sizes: StackSizes, _ g: inout GraphBuilder) -> Activation {
      var token = g.embedding("\(stack.name)/embed/token", stack.tokenIDs, in: table)
      if isScaled {
        token = g.scale("\(stack.name)/embed/scaled", token, by: Double(width).squareRoot())
      }
      let position = g.embedding(
        "\(stack.name)/embed/position", stack.positionIDs,
        in: g.parameter("\(stack.name).embed_positions.weight", positions + 2, width), offset: 2)
      let first = g.layerNorm(
        "\(stack.name)/embed/ln", g.sum("\(stack.name)/embed/sum", token, position), norm,
        "\(stack.name).layernorm_embedding")
      return g.blocksNormedBehind(stack, first, sizes, function, norm, width: width)
    }
    let source = stack(.encoder, encoder, &g)
    let last = stack(.decoder(source: source), decoder, &g)
    return try g.graph(
      readingOut: last, rowsOf: isTied ? table : Parameter("lm_head.weight", [vocabulary, width]),
      bias: Parameter("final_logits_bias", [1, vocabulary]))
  }
}
