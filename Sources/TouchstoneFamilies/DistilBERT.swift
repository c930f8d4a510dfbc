import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// DistilBERT: BERT's blocks under other names, without types and without a pooled row.
  ///
  /// Sanh et al. 2019; Hugging Face's `DistilBertConfig`, `Embeddings`, `TransformerBlock` and `DistilBertForMaskedLM`.
  public static let distilBERT = Family(
    "distilbert", modelTypes: ["distilbert"], padding: .unlearned(0),
    tensors: TensorNames(
      root: "distilbert.", bufferEndings: ["embeddings.position_ids"],
      ties: ["vocab_projector.weight": "distilbert.embeddings.word_embeddings.weight"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    try config.expect("tie_word_embeddings", true)
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("dim")
    let layers = try config.layerCount("n_layers")
    let heads = try config.evenHeads("n_heads", width: width)
    let inner = try config.size("hidden_dim")
    let positions = try config.size("max_position_embeddings", else: 512)
    let function = try config.activation("activation", else: "gelu")
    let hasHead = try config.encoderHeads(among: ["DistilBertForMaskedLM": [.tokens], "DistilBertModel": []])
      .contains(.tokens)
    let norm = LayerNorm(epsilon: 1e-12)

    var g = GraphBuilder(root: "", layout: .outputsFirst)
    let embeddings = "distilbert.embeddings."
    let table = g.parameter(embeddings + "word_embeddings.weight", vocabulary, width)
    let token = g.embedding("embed/token", .tokenIDs, in: table)
    let position = g.embedding(
      "embed/position", .positionIDs,
      in: g.parameter(embeddings + "position_embeddings.weight", positions, width))
    var x = g.layerNorm("embed/ln", g.sum("embed/sum", token, position), norm, embeddings + "LayerNorm")
    for layer in 0..<layers {
      g.block(layer, parameters: "distilbert.transformer.layer.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let projected = b.heads(stream, heads, ["q", "k", "v"].map { "attention.\($0)_lin" }, hasBias: true)
        x = b.normedBehind(
          stream, projected, heads, function, norm, inner: inner,
          EncoderModules(
            attention: "attention.out_lin", attentionNorm: "sa_layer_norm", up: "ffn.lin1", down: "ffn.lin2",
            outputNorm: "output_layer_norm"))
      }
    }
    guard hasHead else { return try g.graph() }
    let read = g.tokenHead(
      x, function, norm, width: width, dense: "vocab_transform", norm: "vocab_layer_norm")
    return try g.graph(readingOut: read, rowsOf: table, bias: Parameter("vocab_projector.bias", [vocabulary]))
  }
}
