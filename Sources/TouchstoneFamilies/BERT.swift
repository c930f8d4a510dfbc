import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// BERT, and the sentence encoders of its form, such as MiniLM: every token sees all others, norms stand behind the sums,
  /// tokens have types; a head for masked tokens, one for pairs of sentences, or the pooled first row, as `architectures`
  /// says.
  ///
  /// Devlin et al. 2019; Hugging Face's `BertConfig`, `BertEmbeddings`, `BertLayer`, `BertLMPredictionHead` and `BertPooler`.
  /// Matrices are stored [out, in].
  public static let bert = Family(
    "bert", modelTypes: ["bert"], padding: .unlearned(0),
    tensors: TensorNames(
      root: "bert.",
      bufferEndings: [
        "embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias", "cls.seq_relationship.weight",
        "cls.seq_relationship.bias",
      ],
      ties: [
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
      ], endings: ["LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    let sizes = try config.encoderSizes()
    let function = try config.activation("hidden_act", else: "gelu")
    let heads = try config.encoderHeads(among: [
      "BertForMaskedLM": [.tokens], "BertForPreTraining": [.tokens, .pooled, .pair], "BertModel": [.pooled],
      "BertForNextSentencePrediction": [.pooled, .pair],
    ])
    var g = GraphBuilder(root: "", layout: .outputsFirst)
    let (last, table) = g.encoder(sizes, function, root: "bert.")
    if heads.contains(.pooled) {
      let pooled = g.pooled(last, "bert.pooler.dense", width: sizes.width)
      if heads.contains(.pair) {
        _ = g.linear("final/nsp_logits", pooled, "cls.seq_relationship", outputs: 2, hasBias: true)
      }
    }
    guard heads.contains(.tokens) else { return try g.graph() }
    let read = g.tokenHead(
      last, function, sizes.norm, width: sizes.width, dense: "cls.predictions.transform.dense",
      norm: "cls.predictions.transform.LayerNorm")
    return try g.graph(
      readingOut: read, rowsOf: table, bias: Parameter("cls.predictions.bias", [sizes.vocabulary]))
  }
}

/// What an encoder of BERT's form is made of.
struct EncoderSizes {
  let vocabulary: Int
  let width: Int
  let layers: Int
  let heads: HeadCounts
  let inner: Int
  let positions: Int
  let types: Int
  let norm: LayerNorm
  /// The id of padding, from which positions are counted; nil where they are 0 … T−1.
  let padding: Int?
}

/// What stands behind an encoder's last block.
enum EncoderHead {
  /// Logits of every token, for those that are masked.
  case tokens
  /// The first row, projected.
  case pooled
  /// Whether one text follows the other.
  case pair
  /// The row that stands for the whole, projected into the space that texts share with pictures.
  case shared
  /// Scores of labels, of the row that stands for the whole.
  case labels
}

extension ConfigFields {
  /// The sizes of an encoder by BERT's names.
  ///
  /// - Parameter padding: the id of padding where `pad_token_id` is absent, in families that count positions over it.
  /// - Throws: ``BadInput`` naming a field that is missing or cannot be.
  mutating func encoderSizes(padding: Int? = nil) throws(BadInput) -> EncoderSizes {
    try expect("position_embedding_type", among: "absolute")
    try expect("is_decoder", false)
    try expect("tie_word_embeddings", true)
    let width = try size("hidden_size")
    return EncoderSizes(
      vocabulary: try size("vocab_size"), width: width, layers: try layerCount("num_hidden_layers"),
      heads: try evenHeads("num_attention_heads", width: width), inner: try size("intermediate_size"),
      positions: try size("max_position_embeddings", else: 512), types: try size("type_vocab_size", else: 2),
      norm: LayerNorm(epsilon: try epsilon("layer_norm_eps", else: 1e-12)),
      padding: try padding.map { fallback throws(BadInput) in try integer("pad_token_id") ?? fallback })
  }

  /// The heads that `architectures` names; those of `fallback` where it names nothing.
  ///
  /// - Throws: ``BadInput`` naming the field for another architecture.
  mutating func encoderHeads(
    among known: [String: Set<EncoderHead>], else fallback: Set<EncoderHead> = [.tokens]
  ) throws(BadInput) -> Set<EncoderHead> {
    guard let name = try strings("architectures")?.first else { return fallback }
    guard let heads = known[name] else {
      throw BadInput(
        place: "architectures", problem: "\(JSONValue.quoted(name)) is not supported",
        remedy: "supported are " + known.keys.sorted().joined(separator: ", "))
    }
    return heads
  }
}

extension GraphBuilder {
  /// Embedding and blocks of BERT's form.
  ///
  /// - Returns: the last vectors, [T, D], and the table of tokens.
  mutating func encoder(
    _ sizes: EncoderSizes, _ function: ActivationFunction, root: String
  ) -> (last: Activation, table: Parameter) {
    let (width, norm) = (sizes.width, sizes.norm)
    let embeddings = root + "embeddings."
    let table = parameter(embeddings + "word_embeddings.weight", sizes.vocabulary, width)
    let token = embedding("embed/token", .tokenIDs, in: table)
    let type = embedding(
      "embed/token_type", .tokenTypeIDs,
      in: parameter(embeddings + "token_type_embeddings.weight", sizes.types, width))
    let position = embedding(
      "embed/position", .positionIDs,
      in: parameter(embeddings + "position_embeddings.weight", sizes.positions, width), padding: sizes.padding
    )
    var x = layerNorm("embed/ln", sum("embed/sum", token, type, position), norm, embeddings + "LayerNorm")
    for layer in 0..<sizes.layers {
      block(layer, parameters: root + "encoder.layer.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let projected = b.heads(
          stream, sizes.heads, ["query", "key", "value"].map { "attention.self.\($0)" }, hasBias: true)
        x = b.normedBehind(
          stream, projected, sizes.heads, function, norm, inner: sizes.inner,
          EncoderModules(
            attention: "attention.output.dense", attentionNorm: "attention.output.LayerNorm",
            up: "intermediate.dense", down: "output.dense", outputNorm: "output.LayerNorm"))
      }
    }
    return (x, table)
  }

  /// Attention and feed-forward half of a block whose norms stand behind the sums, every token seeing all.
  ///
  /// - Returns: `resid_out`, [T, D].
  mutating func normedBehind(
    _ stream: Activation, _ projected: ProjectedHeads, _ heads: HeadCounts, _ function: ActivationFunction,
    _ norm: LayerNorm, inner: Int, _ modules: EncoderModules
  ) -> Activation {
    let width = heads.query * heads.width
    let attended = attended(
      projected, width: heads.width, visibility: Visibility(isCausal: false), modules.attention,
      outputs: width, hasBias: true)
    let first = layerNorm("ln_1", sum("resid_mid", stream, attended), norm, modules.attentionNorm)
    let thought = feedForward(
      first, function, up: modules.up, down: modules.down, inner: inner, outputs: width, hasBias: true)
    let second = layerNorm("ln_2", sum("resid_mlp", first, thought), norm, modules.outputNorm)
    return identity("resid_out", second)
  }

  /// The first row, projected, through tanh: `final/pool_row`, `pool_pre`, `pooled`, [1, D].
  mutating func pooled(_ x: Activation, _ module: String, width: Int) -> Activation {
    let before = linear(
      "final/pool_pre", row("final/pool_row", x, .first), module, outputs: width, hasBias: true)
    return activate("final/pooled", ActivationFunction(.tanh), before)
  }

  /// What logits of masked tokens are read from: `final/head_dense`, `head_act`, `head_ln`, [T, D].
  mutating func tokenHead(
    _ x: Activation, _ function: ActivationFunction, _ kind: LayerNorm, width: Int, dense: String,
    norm: String, hasBias: Bool = true, hasNormBias: Bool = true
  ) -> Activation {
    let projected = linear("final/head_dense", x, dense, outputs: width, hasBias: hasBias)
    return layerNorm(
      "final/head_ln", activate("final/head_act", function, projected), kind, norm, hasBias: hasNormBias)
  }
}

/// What the modules of a block are called whose norms stand behind the sums.
struct EncoderModules {
  let attention: String
  let attentionNorm: String
  let up: String
  let down: String
  let outputNorm: String
}
