import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

/// Models of pictures, of a condition and of experts, made to make faults visible of the operations that these brought.
extension Preset {
  static let otherProbes: [Preset] = [
    Preset(
      "probe-patches", "hunts the cutting of a picture, and the learned row",
      rule: rows(width: 10, tokens: 21), given: Given(.arrays(tokens: 13)),
      huggingFaceJSON: """
        {"model_type": "vit", "architectures": ["ViTForImageClassification"], "hidden_size": 10,
         "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 7, "image_size": 7,
         "patch_size": 2, "num_channels": 3, "num_labels": 5, "layer_norm_eps": 1e-5}
        """),
    Preset(
      "probe-conditions", "hunts modulation by a condition",
      rule: rows(width: 9, tokens: 21),
      given: Given(.arrays(tokens: 13)),
      huggingFaceJSON: """
        {"model_type": "dit_block", "hidden_size": 9, "num_attention_heads": 2, "head_dim": 3,
         "num_hidden_layers": 1, "ff_mult": 1}
        """),
    Preset(
      "probe-one-condition", "hunts every bit of what reads a condition: one term in each sum",
      rule: rows(width: 2, tokens: 21) { _, name, _, _, random in
        name == "attn_norm.linear.bias" ? 0 : random
      },
      given: Given(.arrays(tokens: 3)) { input, _, column, random in
        // Of the second nothing is left by σ.
        input == .condition ? (column == 0 ? 1 + abs(random) : -200) : random
      },
      huggingFaceJSON: """
        {"model_type": "dit_block", "hidden_size": 2, "num_attention_heads": 1, "head_dim": 2,
         "num_hidden_layers": 1, "ff_mult": 1}
        """),
    Preset(
      "probe-routes", "hunts the choice of experts and their weights", rule: rows(width: 9, tokens: 23),
      huggingFaceJSON: """
        {"model_type": "deepseek_v2", "vocab_size": 23, "hidden_size": 9, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 2, "q_lora_rank": null, "kv_lora_rank": 5,
         "qk_nope_head_dim": 4, "qk_rope_head_dim": 4, "v_head_dim": 3, "intermediate_size": 9,
         "moe_intermediate_size": 5, "n_routed_experts": 4, "n_shared_experts": 1, "n_group": 2,
         "topk_group": 1, "topk_method": "group_limited_greedy", "num_experts_per_tok": 2,
         "routed_scaling_factor": 4.0, "rope_theta": 100.0}
        """),
    Preset(
      "probe-sinks", "hunts sinks, and gates that are clipped", rule: rows(width: 6, tokens: 23),
      huggingFaceJSON: """
        {"model_type": "gpt_oss", "vocab_size": 23, "hidden_size": 6, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "intermediate_size": 5,
         "num_local_experts": 3, "num_experts_per_tok": 2, "sliding_window": 9, "swiglu_limit": 1.5,
         "max_position_embeddings": 64, "rope_theta": 100.0,
         "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "beta_fast": 32.0, "beta_slow": 1.0,
                          "truncate": false, "original_max_position_embeddings": 16}}
        """),
    Preset(
      "probe-groups-of-experts", "hunts groups of experts, latent vectors and columns that heads share",
      rule: rows(width: 9, tokens: 23, isSparse: true) { _, name, row, column, random in
        switch name.split(separator: ".").suffix(2).joined(separator: ".") {
        // Attention adds nothing to a row before it is read.
        case "o_proj.weight": 0
        // What is normalised of two rows of three with one entry is a power of 2.
        case "input_layernorm.weight", "post_attention_layernorm.weight": row % 3 == 2 ? random : 1 / 3
        // For these one gate is open, and σ leaves nothing of the others.
        case "gate_proj.weight": column % 3 == 2 ? random : row == column / 2 ? 32 : -128
        case "up_proj.weight": column % 3 == 2 ? random : random < 0 ? -1 : 1
        default: random
        }
      },
      huggingFaceJSON: """
        {"model_type": "deepseek_v3", "vocab_size": 23, "hidden_size": 9, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 2, "q_lora_rank": 6, "kv_lora_rank": 5,
         "qk_nope_head_dim": 4, "qk_rope_head_dim": 4, "v_head_dim": 3, "intermediate_size": 9,
         "moe_intermediate_size": 5, "n_routed_experts": 4, "n_shared_experts": 1, "n_group": 2,
         "topk_group": 1, "num_experts_per_tok": 2, "first_k_dense_replace": 0, "rope_theta": 100.0}
        """),
  ]
}
