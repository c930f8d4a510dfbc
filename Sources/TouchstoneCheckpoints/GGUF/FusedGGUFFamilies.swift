import TouchstoneGraph
import TouchstoneModel

/// The architectures whose queries, keys and values stand in one matrix.
extension GGUFFamily {
  static let gpt2 = GGUFFamily(
    "gpt2",
    outside: [
      "token_embd": "transformer.wte", "position_embd": "transformer.wpe", "output_norm": "transformer.ln_f",
      "output": "lm_head",
    ],
    block: "transformer.h.",
    inside: [
      "attn_norm": "ln_1", "attn_qkv": "attn.c_attn", "attn_output": "attn.c_proj", "ffn_norm": "ln_2",
      "ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj",
    ],
    change: { module, part in
      ["attn_qkv", "attn_output", "ffn_up", "ffn_down"].contains(module) && part == "weight" ? .turned : nil
    },
    configure: { config throws(BadInput) in
      try config.setSizes(("n_embd", "n_layer", "n_head"))
      try config.setInner("n_inner")
      config.set("n_positions", config.shape(of: "position_embd.weight")?.first)
      config.set("layer_norm_epsilon", try config.number("attention.layer_norm_epsilon"))
    })

  static let gptNeoX = GGUFFamily(
    "gptneox", modelType: "gpt_neox",
    outside: [
      "token_embd": "gpt_neox.embed_in", "output_norm": "gpt_neox.final_layer_norm", "output": "embed_out",
    ],
    block: "gpt_neox.layers.",
    inside: [
      "attn_norm": "input_layernorm", "attn_qkv": "attention.query_key_value",
      "attn_output": "attention.dense",
      "ffn_norm": "post_attention_layernorm", "ffn_up": "mlp.dense_h_to_4h", "ffn_down": "mlp.dense_4h_to_h",
    ],
    change: ungroupedHeads,
    configure: { config throws(BadInput) in
      try config.setSizes()
      try config.setInner("intermediate_size")
      config.set("layer_norm_eps", try config.number("attention.layer_norm_epsilon"))
      config.set("use_parallel_residual", try config.bool("use_parallel_residual") ?? true)
      config.set("attention_bias", config.shape(of: "blk.0.attn_qkv.bias") != nil)
      try config.setRotation(share: "rotary_pct", base: "rotary_emb_base")
    })

  static let bloom = GGUFFamily(
    "bloom",
    outside: [
      "token_embd": "transformer.word_embeddings", "token_embd_norm": "transformer.word_embeddings_layernorm",
      "output_norm": "transformer.ln_f", "output": "lm_head",
    ],
    block: "transformer.h.",
    inside: [
      "attn_norm": "input_layernorm", "attn_qkv": "self_attention.query_key_value",
      "attn_output": "self_attention.dense", "ffn_norm": "post_attention_layernorm",
      "ffn_up": "mlp.dense_h_to_4h", "ffn_down": "mlp.dense_4h_to_h",
    ],
    change: ungroupedHeads,
    configure: { config throws(BadInput) in
      try config.setSizes(("hidden_size", "n_layer", "n_head"))
      try config.setInner("n_inner")
      config.set("layer_norm_epsilon", try config.number("attention.layer_norm_epsilon"))
    })

  static let falcon = GGUFFamily(
    "falcon",
    outside: [
      "token_embd": "transformer.word_embeddings", "output_norm": "transformer.ln_f", "output": "lm_head",
    ],
    block: "transformer.h.",
    inside: [
      "attn_norm": "input_layernorm", "attn_norm_2": "ln_attn", "attn_qkv": "self_attention.query_key_value",
      "attn_output": "self_attention.dense", "ffn_up": "mlp.dense_h_to_4h", "ffn_down": "mlp.dense_4h_to_h",
    ],
    change: ungroupedHeads,
    configure: { config throws(BadInput) in
      try config.setSizes()
      try config.setInner("ffn_hidden_size")
      config.set("layer_norm_epsilon", try config.number("attention.layer_norm_epsilon"))
      // Groups, or a norm for each half, are what distinguishes the newer form.
      let hasTwoNorms = config.shape(of: "blk.0.attn_norm_2.weight") != nil
      let isNew = hasTwoNorms || config.heads.key > 1
      config.set("new_decoder_architecture", isNew)
      config.set("num_kv_heads", config.heads.key)
      if isNew { config.set("num_ln_in_parallel_attn", hasTwoNorms ? 2 : 1) }
      config.set("bias", config.shape(of: "blk.0.attn_qkv.bias") != nil)
      _ = try config.string("tensor_data_layout")
      try config.setRotation()
    })

  static let mpt = GGUFFamily(
    "mpt",
    outside: ["token_embd": "transformer.wte", "output_norm": "transformer.norm_f", "output": "lm_head"],
    block: "transformer.blocks.",
    inside: [
      "attn_norm": "norm_1", "attn_qkv": "attn.Wqkv", "attn_output": "attn.out_proj", "ffn_norm": "norm_2",
      "ffn_up": "ffn.up_proj", "ffn_down": "ffn.down_proj",
    ],
    configure: { config throws(BadInput) in
      try config.setSizes(("d_model", "n_layers", "n_heads"))
      let ratio = try Double(config.size("feed_forward_length")) / Double(config.width)
      config.set("expansion_ratio", ratio)
      config.set("layer_norm_epsilon", try config.number("attention.layer_norm_epsilon"))
      let bias = try config.number("attention.max_alibi_bias") ?? 0
      let limit = try config.number("attention.clamp_kqv")
      config.set(
        "attn_config",
        .object([
          ("alibi", .bool(bias > 0)), ("alibi_bias_max", .number(bias)),
          ("clip_qkv", limit.map { $0 > 0 ? .number($0) : .null } ?? .null),
        ]))
    })

  @Sendable private static func ungroupedHeads(_ module: String, _ part: String) -> Change? {
    module == "attn_qkv" ? .ungrouped : nil
  }
}
