import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// ViT: patches of a picture as tokens behind a learned row, from whose last vector labels are read, or which is pooled, as
  /// `architectures` says.
  ///
  /// Dosovitskiy et al. 2021; Hugging Face's `ViTConfig`, `ViTEmbeddings`, `ViTLayer`, `ViTPooler` and
  /// `ViTForImageClassification`. Pictures are of one size; positions are not interpolated. Matrices are stored [out, in].
  public static let vit = Family(
    "vit", modelTypes: ["vit"], tensors: TensorNames(root: "vit.", bufferEndings: ["embeddings.mask_token"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    let width = try config.size("hidden_size", else: 768)
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.evenHeads("num_attention_heads", width: width)
    let inner = try config.size("intermediate_size", else: 3072)
    let sizes = try config.pictureSizes(patch: 16)
    let function = try config.activation("hidden_act", else: "gelu")
    let norm = LayerNorm(epsilon: try config.epsilon("layer_norm_eps", else: 1e-12))
    let hasInputBias = try config.bool("qkv_bias") ?? true
    let head = try config.encoderHeads(
      among: ["ViTForImageClassification": [.labels], "ViTModel": [.pooled]], else: [.labels])

    var g = GraphBuilder(root: "vit.", layout: .outputsFirst)
    var x = g.picture(
      sizes, width: width, patches: "embeddings.patch_embeddings.projection", hasBias: true,
      row: g.parameter("embeddings.cls_token", 1, 1, width),
      positions: g.parameter("embeddings.position_embeddings", 1, sizes.patches + 1, width))
    for layer in 0..<layers {
      g.block(layer, parameters: "encoder.layer.\(layer).") { b in
        x = b.normedBefore(
          x,
          NormedBlock(
            attentionNorm: "layernorm_before",
            heads: ["query", "key", "value"].map { "attention.attention.\($0)" },
            attention: "attention.output.dense", norm: "layernorm_after", up: "intermediate.dense",
            down: "output.dense"),
          heads, function, norm, inner: inner, hasInputBias: hasInputBias)
      }
    }
    let last = g.layerNorm("final/ln_f", x, norm, "layernorm")
    let row = g.row("final/pool_row", last, .first)
    if head.contains(.pooled) {
      let outputs = try config.size("pooler_output_size", else: width)
      let before = g.linear("final/pool_pre", row, "pooler.dense", outputs: outputs, hasBias: true)
      _ = g.activate("final/pooled", try config.activation("pooler_act", else: "tanh"), before)
      return try g.graph()
    }
    let labels = try config.labelCount()
    let scores = g.linear(
      "final/logits", row, rowsOf: Parameter("classifier.weight", [labels, width]),
      bias: Parameter("classifier.bias", [labels]))
    _ = g.softmax("final/probs", scores)
    // They are scores of labels, not of tokens that could come next.
    return try g.graph()
  }
}

extension ConfigFields {
  /// How many labels a classifier knows: as many as have names, two where none has.
  fileprivate mutating func labelCount() throws(BadInput) -> Int {
    if let named = memberCount("id2label"), named > 0 {
      try expect("num_labels", named, "the number of labels in id2label")
      return named
    }
    return try size("num_labels", else: 2)
  }
}
