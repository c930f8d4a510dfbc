import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// GPT-J: both halves read one norm and are added at once; neighbouring columns of a head's beginning turn.
  ///
  /// Wang & Komatsuzaki 2021; Hugging Face's `GPTJConfig`, `GPTJAttention` and `GPTJForCausalLM`. The base of the angles is
  /// 10,000, the readout has a bias. Matrices are stored [out, in].
  public static let gptj = Family(
    "gptj", modelTypes: ["gptj"], padding: .learned,
    tensors: TensorNames(
      root: "transformer.", bufferEndings: [".attn.bias", ".attn.masked_bias"],
      ties: ["lm_head.weight": "transformer.wte.weight"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("n_embd", "hidden_size")
    let layers = try config.layerCount("n_layer", "num_hidden_layers")
    let heads = try config.evenHeads("n_head", "num_attention_heads", width: width)
    let inner = try config.size("n_inner", else: 4 * width)
    let function = try config.activation("activation_function", else: "gelu_new")
    let norm = LayerNorm(epsilon: try config.epsilon("layer_norm_epsilon", else: 1e-5))
    let rotation = try config.neighbours(of: heads, width: width)
    let isTied = try config.bool("tie_word_embeddings") ?? false
    try config.expect("rotary", true)
    try config.expect("scale_attn_weights", true)

    var g = GraphBuilder(root: "transformer.", layout: .outputsFirst)
    let table = g.parameter("wte.weight", vocabulary, width)
    var x = g.embedding("embed/token", .tokenIDs, in: table)
    for layer in 0..<layers {
      g.block(layer, parameters: "h.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let read = b.layerNorm("ln_1", stream, norm, "ln_1")
        let projected = b.heads(read, heads, ["q", "k", "v"].map { "attn.\($0)_proj" }, hasBias: false)
        let attended = b.attended(
          b.rotated(projected, rotation), width: heads.width, "attn.out_proj", outputs: width,
          hasBias: false)
        let thought = b.feedForward(
          read, function, up: "mlp.fc_in", down: "mlp.fc_out", inner: inner, outputs: width, hasBias: true)
        x = b.sum("resid_out", stream, attended, thought)
      }
    }
    let last = g.layerNorm("final/ln_f", x, norm, "ln_f")
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    return try g.graph(readingOut: last, rowsOf: head, bias: Parameter("lm_head.bias", [vocabulary]))
  }
}

extension ConfigFields {
  /// The rotation of `rotary_dim` columns, 64 where the field is absent; where it is null, of as many as the stream has,
  /// which only one head has.
  fileprivate mutating func neighbours(of heads: HeadCounts, width: Int) throws(BadInput) -> Rotate {
    let columns = isNull("rotary_dim") ? width : try integer("rotary_dim") ?? 64
    guard columns >= 2, columns.isMultiple(of: 2), columns <= heads.width else {
      throw BadInput(
        place: "rotary_dim", problem: "is \(columns), no even number of columns of a head of \(heads.width)",
        remedy: "correct the field")
    }
    return Rotate(width: columns, style: .interleaved, frequencies: RotaryFrequencies(theta: 10_000))
  }
}
