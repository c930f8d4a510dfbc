import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// RoBERTa: BERT's blocks, positions counted over what is no padding from behind the padding's own, one type, and a head
  /// whose function is always GELU.
  ///
  /// Liu et al. 2019; Hugging Face's `RobertaConfig`, `RobertaEmbeddings` and `RobertaLMHead`.
  public static let roberta = Family(
    "roberta", modelTypes: ["roberta"], padding: .unlearned(1),
    tensors: TensorNames(
      root: "roberta.",
      bufferEndings: ["embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"],
      ties: [
        "lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight",
        "lm_head.decoder.bias": "lm_head.bias",
      ], endings: ["LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    let sizes = try config.encoderSizes(padding: 1)
    let function = try config.activation("hidden_act", else: "gelu")
    let heads = try config.encoderHeads(among: ["RobertaForMaskedLM": [.tokens], "RobertaModel": [.pooled]])
    var g = GraphBuilder(root: "", layout: .outputsFirst)
    let (last, table) = g.encoder(sizes, function, root: "roberta.")
    if heads.contains(.pooled) { _ = g.pooled(last, "roberta.pooler.dense", width: sizes.width) }
    guard heads.contains(.tokens) else { return try g.graph() }
    let read = g.tokenHead(
      last, ActivationFunction(.geluErf), sizes.norm, width: sizes.width, dense: "lm_head.dense",
      norm: "lm_head.layer_norm")
    return try g.graph(readingOut: read, rowsOf: table, bias: Parameter("lm_head.bias", [sizes.vocabulary]))
  }
}
