import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// DeepSeek-V2: latent attention, and experts of which the best groups alone are chosen from, beside a shared one.
  ///
  /// DeepSeek-AI 2024a, §2; Hugging Face's `DeepseekV2Config`, `DeepseekV2Attention` and `DeepseekV2TopkRouter`. Matrices are
  /// stored [out, in], of each expert by itself; pairs of rotary columns alternate, and stay so.
  public static let deepSeekV2 = Family(
    "deepseek_v2", modelTypes: ["deepseek_v2"], tensors: .llama
  ) { (config: inout ConfigFields) throws(BadInput) in
    try config.expect("norm_topk_prob", false)
    try config.expect("scoring_func", among: "softmax")
    let latent = try config.latentAttention(style: .interleaved, positions: 2048)
    let hasInnerBias = try config.bool("mlp_bias") ?? false
    let routing = try config.routing("n_routed_experts", experts: 64, choices: nil)
    let method = try config.string("topk_method") ?? "greedy"
    guard ["greedy", "group_limited_greedy"].contains(method) else {
      throw BadInput(
        place: "topk_method", problem: "\(JSONValue.quoted(method)) is not supported",
        remedy: "supported are greedy, group_limited_greedy")
    }
    let groups = try config.expertGroups(routing, by: .best, else: nil)
    let experts = DeepSeekExperts(
      routing: routing, choice: RouteIDs(routing.choices, groups: method == "greedy" ? nil : groups),
      correction: nil,
      weights: RouteWeights(
        isNormalised: false, factor: try config.number("routed_scaling_factor") ?? 1),
      inner: try config.size("moe_intermediate_size", else: 1407),
      shared: try config.size("n_shared_experts", else: 2), hasSharedBias: hasInnerBias)
    return try config.deepSeek(
      latent, experts, hasInnerBias: hasInnerBias,
      denseLayers: try config.integer("first_k_dense_replace") ?? 0)
  }
}
