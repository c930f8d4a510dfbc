import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// DeepSeek-V3 and R1: V2's blocks; experts are scored by logistic functions, and for the choice alone by what training has
  /// added to balance them.
  ///
  /// DeepSeek-AI 2024b, §2.1; Hugging Face's `DeepseekV3Config`, `DeepseekV3Attention` and `DeepseekV3TopkRouter`. Rotary
  /// columns that alternate are put out as halves.
  public static let deepSeekV3 = Family(
    "deepseek_v3", modelTypes: ["deepseek_v3"], tensors: .llama
  ) { (config: inout ConfigFields) throws(BadInput) in
    try config.expect("topk_method", among: "noaux_tc")
    try config.expect("scoring_func", among: "sigmoid")
    let isInterleaved = try config.bool("rope_interleave") ?? true
    let latent = try config.latentAttention(
      style: isInterleaved ? .interleavedToHalf : .half, positions: 4096)
    let routing = try config.routing("n_routed_experts", experts: 256, choices: 8)
    let groups = try config.expertGroups(routing, by: .twoBest, else: (8, 4))
    let experts = DeepSeekExperts(
      routing: routing, choice: RouteIDs(routing.choices, by: .sigmoid, groups: groups),
      correction: "gate.e_score_correction_bias",
      weights: RouteWeights(
        isNormalised: try config.bool("norm_topk_prob") ?? true,
        factor: try config.number("routed_scaling_factor") ?? 2.5, by: .sigmoid),
      inner: try config.size("moe_intermediate_size", else: 2048),
      shared: try config.size("n_shared_experts", else: 1), hasSharedBias: false)
    return try config.deepSeek(
      latent, experts, hasInnerBias: false, denseLayers: try config.integer("first_k_dense_replace") ?? 3)
  }
}
