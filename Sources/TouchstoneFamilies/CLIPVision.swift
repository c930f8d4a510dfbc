import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// The pictures' half of CLIP: patches as tokens behind a learned row, a norm before the first block, and the row's last vector
  /// normalised, and projected into the space that pictures share with texts where `architectures` says so.
  ///
  /// Radford et al. 2021, §2.4; Hugging Face's `CLIPVisionConfig`, `CLIPVisionModel` and `CLIPVisionModelWithProjection`.
  /// Filters have no bias. Matrices are stored [out, in].
  public static let clipVision = Family(
    "clip_vision_model", modelTypes: ["clip_vision_model"],
    tensors: TensorNames(root: "vision_model.", bufferEndings: ["embeddings.position_ids"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    let width = try config.size("hidden_size", else: 768)
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.evenHeads("num_attention_heads", width: width)
    let inner = try config.size("intermediate_size", else: 3072)
    let sizes = try config.pictureSizes(patch: 32)
    let function = try config.activation("hidden_act", else: "quick_gelu")
    let norm = LayerNorm(epsilon: try config.epsilon("layer_norm_eps", else: 1e-5))
    let isShared = try config.encoderHeads(
      among: ["CLIPVisionModelWithProjection": [.shared], "CLIPVisionModel": []], else: [.shared]
    ).contains(.shared)

    var g = GraphBuilder(root: "vision_model.", layout: .outputsFirst)
    let seen = g.picture(
      sizes, width: width, patches: "embeddings.patch_embedding", hasBias: false,
      row: g.parameter("embeddings.class_embedding", width),
      positions: g.parameter("embeddings.position_embedding.weight", sizes.patches + 1, width))
    // The name is spelled so.
    var x = g.layerNorm("embed/ln", seen, norm, "pre_layrnorm")
    for layer in 0..<layers {
      g.block(layer, parameters: "encoder.layers.\(layer).") { b in
        x = b.normedBefore(
          x,
          NormedBlock(
            attentionNorm: "layer_norm1", heads: ["q", "k", "v"].map { "self_attn.\($0)_proj" },
            attention: "self_attn.out_proj", norm: "layer_norm2", up: "mlp.fc1", down: "mlp.fc2"),
          heads, function, norm, inner: inner)
      }
    }
    let last = g.layerNorm("final/ln_f", g.row("final/pool_row", x, .first), norm, "post_layernorm")
    if isShared {
      let size = try config.size("projection_dim", else: 512)
      _ = g.linear("final/projected", last, rowsOf: Parameter("visual_projection.weight", [size, width]))
    }
    return try g.graph()
  }
}
