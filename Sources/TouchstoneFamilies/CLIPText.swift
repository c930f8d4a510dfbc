import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// The texts' half of CLIP: GPT-2's block with separate projections, in which a token sees what came before it; the row
  /// of the text's end, projected into the space that texts share with pictures where `architectures` says so.
  ///
  /// Radford et al. 2021, §2.4; Hugging Face's `CLIPTextConfig`, `CLIPTextModel` and `CLIPTextModelWithProjection`. An
  /// `eos_token_id` of 2 stands in old configurations, and means the greatest id of the text. Matrices are stored
  /// [out, in].
  public static let clipText = Family(
    "clip_text_model", modelTypes: ["clip_text_model"], padding: .learned,
    tensors: TensorNames(root: "text_model.", bufferEndings: ["embeddings.position_ids"])
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.evenHeads("num_attention_heads", width: width)
    let inner = try config.size("intermediate_size")
    let positions = try config.size("max_position_embeddings", else: 77)
    let function = try config.activation("hidden_act", else: "quick_gelu")
    let norm = LayerNorm(epsilon: try config.epsilon("layer_norm_eps", else: 1e-5))
    let end = try config.integer("eos_token_id") ?? 49407
    let isShared = try config.encoderHeads(
      among: ["CLIPTextModelWithProjection": [.shared], "CLIPTextModel": []], else: [.shared]
    ).contains(.shared)

    var g = GraphBuilder(root: "text_model.", layout: .outputsFirst)
    var x = g.sum(
      "embed/sum",
      g.embedding(
        "embed/token", .tokenIDs, in: g.parameter("embeddings.token_embedding.weight", vocabulary, width)),
      g.embedding(
        "embed/position", .positionIDs,
        in: g.parameter("embeddings.position_embedding.weight", positions, width)))
    for layer in 0..<layers {
      g.block(layer, parameters: "encoder.layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let projected = b.heads(
          b.layerNorm("ln_1", stream, norm, "layer_norm1"), heads,
          ["q", "k", "v"].map { "self_attn.\($0)_proj" }, hasBias: true)
        let attended = b.attended(
          projected, width: heads.width, "self_attn.out_proj", outputs: width, hasBias: true)
        let middle = b.sum("resid_mid", stream, attended)
        let thought = b.feedForward(
          b.layerNorm("ln_2", middle, norm, "layer_norm2"), function, up: "mlp.fc1", down: "mlp.fc2",
          inner: inner, outputs: width, hasBias: true)
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.layerNorm("final/ln_f", x, norm, "final_layer_norm")
    let picked = g.row("final/pool_row", last, end == 2 ? .greatestID : .firstOf(id: end))
    if isShared {
      let size = try config.size("projection_dim", else: 512)
      _ = g.linear("final/projected", picked, rowsOf: Parameter("text_projection.weight", [size, width]))
    }
    return try g.graph()
  }
}
