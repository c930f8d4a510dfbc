import TouchstoneFamilies
import TouchstoneModel

/// Small models of pictures, of blocks modulated by a condition, and of experts, one of each family.
///
/// One block, few units and experts, and hardly an extent a multiple of a vector's width.
extension Preset {
  static let otherFamilies = [
    Preset(
      "tiny-vit", "ViT: patches of a picture behind a learned row, and labels", width: 10,
      given: Given(.arrays(tokens: 7)),
      huggingFaceJSON: """
        {"model_type": "vit", "architectures": ["ViTForImageClassification"], "hidden_size": 10,
         "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 7, "image_size": [7, 11],
         "patch_size": [3, 3], "num_channels": 3, "num_labels": 5, "layer_norm_eps": 1e-5}
        """),
    Preset(
      "tiny-clip-vision", "the pictures' half of CLIP: a norm in front, the learned row projected", width: 9,
      given: Given(.arrays(tokens: 10)),
      huggingFaceJSON: """
        {"model_type": "clip_vision_model", "hidden_size": 9, "num_hidden_layers": 1,
         "num_attention_heads": 3, "intermediate_size": 7, "image_size": 6, "patch_size": 2,
         "projection_dim": 5}
        """),
    Preset(
      "tiny-dit-block", "a block of a diffusion transformer, modulated by a condition", width: 10,
      given: Given(.arrays(tokens: 9)),
      huggingFaceJSON: """
        {"model_type": "dit_block", "hidden_size": 10, "num_attention_heads": 2, "head_dim": 3,
         "num_hidden_layers": 1, "ff_mult": 1}
        """),
    Preset(
      "tiny-mixtral", "Mixtral: two of three experts for a token, weights that add up to 1", width: 8,
      huggingFaceJSON: """
        {"model_type": "mixtral", "vocab_size": 17, "hidden_size": 8, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 7, "num_local_experts": 3,
         "num_experts_per_tok": 2, "rope_theta": 100.0}
        """),
    Preset(
      "tiny-qwen3-moe", "Qwen3 with experts: heads normalised, weights that do not add up to 1", width: 8,
      huggingFaceJSON: """
        {"model_type": "qwen3_moe", "vocab_size": 17, "hidden_size": 8, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "intermediate_size": 9,
         "moe_intermediate_size": 5, "num_experts": 3, "num_experts_per_tok": 2, "rope_theta": 100.0}
        """),
    Preset(
      "tiny-gpt-oss", "gpt-oss: a sink for each head, a window, biases, experts whose gates are clipped",
      width: 8,
      huggingFaceJSON: """
        {"model_type": "gpt_oss", "vocab_size": 17, "hidden_size": 8, "num_hidden_layers": 1,
         "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4, "intermediate_size": 7,
         "num_local_experts": 3, "num_experts_per_tok": 2, "sliding_window": 5, "swiglu_limit": 1.5,
         "max_position_embeddings": 64,
         "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "beta_fast": 32.0, "beta_slow": 1.0,
                          "truncate": false, "original_max_position_embeddings": 16}}
        """),
    Preset(
      "tiny-deepseek-v2", "DeepSeek-V2: latent attention, the best of three groups of experts, a shared one",
      width: 10,
      huggingFaceJSON: """
        {"model_type": "deepseek_v2", "vocab_size": 17, "hidden_size": 10, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 2, "q_lora_rank": null, "kv_lora_rank": 5,
         "qk_nope_head_dim": 4, "qk_rope_head_dim": 4, "v_head_dim": 3, "intermediate_size": 9,
         "moe_intermediate_size": 5, "n_routed_experts": 3, "n_shared_experts": 1, "n_group": 3,
         "topk_group": 2, "topk_method": "group_limited_greedy", "num_experts_per_tok": 1,
         "routed_scaling_factor": 4.0, "rope_theta": 100.0}
        """),
    Preset(
      "tiny-deepseek-v3", "DeepSeek-V3: short queries too, logistic scores, corrected for the choice alone",
      width: 10,
      huggingFaceJSON: """
        {"model_type": "deepseek_v3", "vocab_size": 17, "hidden_size": 10, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 2, "q_lora_rank": 6, "kv_lora_rank": 5,
         "qk_nope_head_dim": 4, "qk_rope_head_dim": 4, "v_head_dim": 3, "intermediate_size": 9,
         "moe_intermediate_size": 5, "n_routed_experts": 4, "n_shared_experts": 1, "n_group": 2,
         "topk_group": 1, "num_experts_per_tok": 2, "first_k_dense_replace": 0, "rope_theta": 100.0}
        """),
  ]
}
