import Foundation
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

/// Attention by way of short vectors: how it is divided, and how it turns.
private struct LatentAttention {
  /// H.
  let heads: Int
  /// The numbers of a query's latent vector; nil where queries are projected at once.
  let queryRank: Int?
  /// The numbers of the latent vector of keys and values.
  let keyRank: Int
  /// d_n: the columns of a head that do not turn.
  let plain: Int
  /// d_r: the columns that turn, which all heads of keys share.
  let turned: Int
  /// d_v.
  let value: Int
  let rotation: Rotate
  let scale: Double
  let hasBias: Bool

  /// The norm of latent vectors has an ε of its own, whatever `rms_norm_eps` is.
  static let norm = RMSNorm(epsilon: 1e-6)

  /// The turning of the columns from `first` on.
  func rotation(from first: Int) -> Rotate {
    Rotate(
      width: rotation.width, first: first, style: rotation.style, frequencies: rotation.frequencies,
      magnitude: rotation.magnitude)
  }
}

/// The experts of a block, and the one that every token goes to.
private struct DeepSeekExperts {
  let routing: RoutingCounts
  let choice: RouteIDs
  let correction: String?
  let weights: RouteWeights
  /// F of an expert.
  let inner: Int
  /// How many experts wide the shared one is.
  let shared: Int
  let hasSharedBias: Bool
}

extension ConfigFields {
  fileprivate mutating func latentAttention(
    style: Rotate.Style, positions: Int
  ) throws(BadInput) -> LatentAttention {
    let heads = try size("num_attention_heads")
    try expect("num_key_value_heads", heads, "as many heads of keys as of queries")
    let (plain, turned) = (try size("qk_nope_head_dim", else: 128), try size("qk_rope_head_dim", else: 64))
    try expect("head_dim", turned, "the columns that turn")
    try expect("qk_head_dim", plain + turned, "the width of a head")
    let factor = try latentScoreFactor()
    let rotation = try rotation(width: turned, positions: positions)
    return LatentAttention(
      heads: heads,
      queryRank: isNull("q_lora_rank") ? nil : try size("q_lora_rank", else: 1536),
      keyRank: try size("kv_lora_rank", else: 512), plain: plain, turned: turned,
      value: try size("v_head_dim", else: 128),
      rotation: Rotate(
        width: rotation.width, style: style, frequencies: rotation.frequencies, magnitude: rotation.magnitude
      ),
      scale: factor * factor / Double(plain + turned).squareRoot(),
      hasBias: try bool("attention_bias") ?? false)
  }

  /// m = 0.1·`mscale_all_dim`·ln s + 1, the square of which multiplies scores where rotary positions are stretched.
  private mutating func latentScoreFactor() throws(BadInput) -> Double {
    let (old, new) = (try object("rope_scaling"), try object("rope_parameters"))
    guard var object = old ?? new else { return 1 }
    let (oldType, newType) = (try object.string("type"), try object.string("rope_type"))
    guard newType ?? oldType ?? "default" != "default",
      let multiple = try object.number("mscale_all_dim"), let factor = try object.number("factor"), factor > 1
    else { return 1 }
    return 0.1 * multiple * log(factor) + 1
  }

  /// - Parameter fallback: how many groups there are and how many are kept where the fields are absent; nil for none.
  fileprivate mutating func expertGroups(
    _ routing: RoutingCounts, by rule: ExpertGroups.Rule, else fallback: (count: Int, kept: Int)?
  ) throws(BadInput) -> ExpertGroups? {
    guard let count = try optionalSize("n_group") ?? fallback?.count,
      let kept = try optionalSize("topk_group") ?? fallback?.kept
    else { return nil }
    guard routing.experts.isMultiple(of: count) else {
      throw BadInput(
        place: "n_group", problem: "\(count) groups do not divide \(routing.experts) experts evenly",
        remedy: "correct one of the two")
    }
    guard kept <= count, routing.choices <= kept * (routing.experts / count) else {
      throw BadInput(
        place: "topk_group",
        problem: "keeps \(kept) of \(count) groups, for a choice of \(routing.choices) experts",
        remedy: "correct the field")
    }
    guard rule == .best || routing.experts > count else {
      throw BadInput(
        place: "n_group", problem: "leaves one expert in a group, which has no two best",
        remedy: "use fewer groups")
    }
    return ExpertGroups(count, keeping: kept, by: rule)
  }

  fileprivate mutating func deepSeek(
    _ latent: LatentAttention, _ experts: DeepSeekExperts, hasInnerBias: Bool, denseLayers: Int
  ) throws(BadInput) -> Graph {
    let vocabulary = try size("vocab_size")
    let width = try size("hidden_size")
    let layers = try layerCount("num_hidden_layers")
    let inner = try size("intermediate_size")
    let norm = RMSNorm(epsilon: try epsilon("rms_norm_eps", else: 1e-6))
    let function = try activation("hidden_act", else: "silu")
    let isTied = try bool("tie_word_embeddings") ?? false
    try expect("moe_layer_freq", 1, "experts in every block")

    var g = GraphBuilder(root: "model.", layout: .outputsFirst)
    let table = g.parameter("embed_tokens.weight", vocabulary, width)
    var x = g.embedding("embed/token", .tokenIDs, in: table)
    for layer in 0..<layers {
      g.block(layer, parameters: "layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.rmsNorm("ln_1", stream, norm, "input_layernorm")
        let middle = b.sum("resid_mid", stream, b.latentAttention(first, latent, outputs: width))
        let second = b.rmsNorm("ln_2", middle, norm, "post_attention_layernorm")
        let thought =
          layer < denseLayers
          ? b.gatedFeedForward(second, function, inner: inner, outputs: width, hasBias: hasInnerBias)
          : b.sharedExperts(second, experts, function, outputs: width)
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.rmsNorm("final/ln_f", x, norm, "norm")
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    return try g.graph(readingOut: last, rowsOf: head)
  }
}

extension GraphBuilder {
  /// Queries, keys and values out of latent vectors; the turned columns of all keys are one head's.
  ///
  /// - Returns: `attn_out`, [T, D].
  fileprivate mutating func latentAttention(
    _ x: Activation, _ latent: LatentAttention, outputs: Int
  ) -> Activation {
    let (heads, width) = (latent.heads, latent.plain + latent.turned)
    var source = (x, "self_attn.q_proj")
    if let rank = latent.queryRank {
      let short = linear("q_latent", x, "self_attn.q_a_proj", outputs: rank, hasBias: latent.hasBias)
      source = (
        rmsNorm("q_latent_norm", short, LatentAttention.norm, "self_attn.q_a_layernorm"), "self_attn.q_b_proj"
      )
    }
    let query = linear("q", source.0, source.1, outputs: heads * width, hasBias: false, heads: heads)
    let both = latent.keyRank + latent.turned
    func part(_ name: String, _ take: Range<Int>, heads: Int?, _ b: inout GraphBuilder) -> Activation {
      b.linear(
        name, x, "self_attn.kv_a_proj_with_mqa", outputs: both,
        selection: ParameterView.Selection(parts: both, take: take), hasBias: latent.hasBias, heads: heads)
    }
    let short = part("kv_latent", 0..<latent.keyRank, heads: nil, &self)
    let normed = rmsNorm("kv_latent_norm", short, LatentAttention.norm, "self_attn.kv_a_layernorm")
    let shared = part("k_shared", latent.keyRank..<both, heads: 1, &self)
    let parts = latent.plain + latent.value
    func expanded(_ name: String, _ take: Range<Int>, _ b: inout GraphBuilder) -> Activation {
      b.linear(
        name, normed, "self_attn.kv_b_proj", outputs: heads * parts,
        selection: ParameterView.Selection(groups: heads, parts: parts, take: take), hasBias: false,
        heads: heads)
    }
    let key = expanded("k", 0..<latent.plain, &self)
    let value = expanded("v", latent.plain..<parts, &self)
    let turnedQuery = rotate("q_rope", query, latent.rotation(from: latent.plain))
    let turnedShared = rotate("k_shared_rope", shared, latent.rotation(from: 0))
    return attended(
      ProjectedHeads(query: turnedQuery, key: joined("k_rope", key, turnedShared), value: value),
      width: width, scale: latent.scale, "self_attn.o_proj", outputs: outputs, hasBias: latent.hasBias)
  }

  /// Experts, and one more that every token goes to.
  ///
  /// - Returns: `mlp_out`, [T, D].
  fileprivate mutating func sharedExperts(
    _ x: Activation, _ experts: DeepSeekExperts, _ function: ActivationFunction, outputs: Int
  ) -> Activation {
    let modules = ["gate_proj", "up_proj", "down_proj"]
    let chosen = gatedExperts(
      x, experts.routing, choice: experts.choice, correction: experts.correction, weights: experts.weights,
      function, inner: experts.inner, outputs: outputs, in: "mlp.", modules: modules, named: "experts_out")
    var shared = x
    group("shared/", parameters: "mlp.shared_experts.") { b in
      shared = b.gatedFeedForward(
        x, function, inner: experts.inner * experts.shared, outputs: outputs, hasBias: experts.hasSharedBias,
        modules: modules)
    }
    return sum("mlp_out", chosen, shared)
  }
}
