import Foundation
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

extension Case {
  /// A model of a family with experts whose fields are these, and else small and odd.
  static func experts(
    _ family: String, _ name: String, _ seed: UInt64, tokens: Int, masked: [Int] = [],
    _ fields: [String: Any] = [:]
  ) throws -> Case {
    let small: [String: Any] = [
      "model_type": family, "vocab_size": 41, "hidden_size": 22, "num_hidden_layers": 2,
      "num_attention_heads": 4,
      "num_key_value_heads": 2, "head_dim": 10, "intermediate_size": 19, "num_local_experts": 5,
      "num_experts_per_tok": 2, "max_position_embeddings": 128, "rope_theta": 100.0,
    ]
    return try Case(family, name, seed, tokens: tokens, masked: masked, small.merging(fields) { $1 })
  }

  /// A model with latent attention and experts beside a shared one.
  static func latent(
    _ family: String, _ name: String, _ seed: UInt64, tokens: Int, masked: [Int] = [],
    _ fields: [String: Any] = [:]
  ) throws -> Case {
    let small: [String: Any] = [
      "model_type": family, "vocab_size": 41, "hidden_size": 22, "num_hidden_layers": 3,
      "num_attention_heads": 3, "q_lora_rank": NSNull(), "kv_lora_rank": 10, "qk_nope_head_dim": 8,
      "qk_rope_head_dim": 4, "v_head_dim": 7, "intermediate_size": 19, "moe_intermediate_size": 11,
      "n_routed_experts": 6, "n_shared_experts": 2, "num_experts_per_tok": 2, "n_group": 3, "topk_group": 2,
      "first_k_dense_replace": 1, "max_position_embeddings": 128, "rope_theta": 100.0,
    ]
    return try Case(family, name, seed, tokens: tokens, masked: masked, small.merging(fields) { $1 })
  }

  private init(
    _ family: String, _ name: String, _ seed: UInt64, tokens: Int, masked: [Int], _ fields: [String: Any]
  ) throws {
    let json = try JSONSerialization.data(withJSONObject: fields)
    self.init(
      name: "\(family), \(name)", graph: try Architecture(huggingFaceJSON: json, file: name).graph,
      seed: seed,
      tokenCount: tokens, masked: masked)
  }
}

/// Routers of every kind, experts that no token chooses, sinks, clipped gates.
let experts: [Case] = {
  let all: [() throws -> Case] = [
    { try .experts("mixtral", "one token", 71, tokens: 1) },
    {
      try .experts(
        "mixtral", "three of seven, masked", 72, tokens: 37, masked: [0, 9],
        ["num_local_experts": 7, "num_experts_per_tok": 3, "sliding_window": 5])
    },
    {
      try .experts(
        "mixtral", "more experts than tokens", 73, tokens: 4,
        ["num_local_experts": 40, "num_experts_per_tok": 1])
    },
    {
      try .experts(
        "qwen3_moe", "not normalised, a dense block", 74, tokens: 20,
        ["moe_intermediate_size": 33, "decoder_sparse_step": 2])
    },
    {
      try .experts(
        "qwen3_moe", "all experts", 75, tokens: 11,
        ["moe_intermediate_size": 7, "norm_topk_prob": true, "num_experts_per_tok": 5])
    },
    {
      try .experts(
        "gpt_oss", "sinks and limits", 76, tokens: 39, masked: [0, 1, 20],
        ["swiglu_limit": 0.5, "sliding_window": 6])
    },
    {
      try .experts(
        "gpt_oss", "panels", 77, tokens: 33, ["intermediate_size": 64, "hidden_size": 64, "head_dim": 32])
    },
    {
      try .latent(
        "deepseek_v2", "no latent queries, groups", 78, tokens: 23, masked: [3],
        ["topk_method": "group_limited_greedy", "n_group": 3, "topk_group": 2, "routed_scaling_factor": 16.0])
    },
    {
      try .latent(
        "deepseek_v3", "correction, panels", 79, tokens: 35,
        [
          "q_lora_rank": 9, "qk_nope_head_dim": 26, "qk_rope_head_dim": 6, "head_dim": 6, "v_head_dim": 32,
          "n_group": 2, "topk_group": 1,
        ])
    },
    { try .latent("deepseek_v3", "one token", 80, tokens: 1, ["q_lora_rank": 5, "rope_interleave": false]) },
  ]
  return all.compactMap { try? $0() }
}()
