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
    let json = try JSONSerialization.data(withJSONObject: small.merging(fields) { $1 })
    return Case(
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
  ]
  return all.compactMap { try? $0() }
}()
