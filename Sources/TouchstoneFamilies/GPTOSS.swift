import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// gpt-oss: a sink for each head, windows in every other block, biases everywhere, and experts whose gates are clipped.
  ///
  /// OpenAI 2025; Hugging Face's `GptOssConfig`, `GptOssAttention`, `GptOssTopKRouter` and `GptOssExperts`. The experts'
  /// matrices are stacked, [E, in, out], gate and up alternating.
  public static let gptOSS = Family(
    "gpt_oss", modelTypes: ["gpt_oss"], tensors: .llama
  ) { (config: inout ConfigFields) throws(BadInput) in
    let vocabulary = try config.size("vocab_size")
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let heads = try config.heads(width: width, keyHeads: 8, headWidth: 64)
    let inner = try config.size("intermediate_size")
    let norm = RMSNorm(epsilon: try config.epsilon("rms_norm_eps", else: 1e-5))
    try config.expect("hidden_act", among: "silu")
    let hasBias = try config.bool("attention_bias") ?? true
    let rotation = try config.rotation(
      width: heads.width, positions: 131_072,
      rules: RotaryRules(theta: 150_000, object: GPTOSS.stretch))
    let windows = try config.windows(of: layers, size: 128) { $0.isMultiple(of: 2) }
    let routing = try config.routing(experts: 128, choices: 4)
    try config.expect("swiglu_alpha", 1.702, "the factor inside the gate's logistic function")
    let limit = try config.cap("swiglu_limit", else: 7)
    let isTied = try config.bool("tie_word_embeddings") ?? false

    var g = GraphBuilder(root: "model.", layout: .outputsFirst)
    let table = g.parameter("embed_tokens.weight", vocabulary, width)
    var x = g.embedding("embed/token", .tokenIDs, in: table)
    for layer in 0..<layers {
      g.block(layer, parameters: "layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.rmsNorm("ln_1", stream, norm, "input_layernorm")
        let attended = b.rotaryAttention(
          first, heads, rotation, outputs: width, hasInputBias: hasBias, hasOutputBias: hasBias,
          visibility: Visibility(isCausal: true, window: windows[layer]), sinks: "self_attn.sinks")
        let middle = b.sum("resid_mid", stream, attended)
        let second = b.rmsNorm("ln_2", middle, norm, "post_attention_layernorm")
        let thought = b.clippedExperts(second, routing, limit: limit, inner: inner, outputs: width)
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.rmsNorm("final/ln_f", x, norm, "norm")
    let head = isTied ? table : Parameter("lm_head.weight", [vocabulary, width])
    return try g.graph(readingOut: last, rowsOf: head)
  }
}

private enum GPTOSS {
  /// What `rope_parameters` hold where they are absent.
  static let stretch: [String: JSONValue] = [
    "rope_type": .string("yarn"), "factor": .number(32), "beta_fast": .number(32), "beta_slow": .number(1),
    "truncate": .bool(false), "original_max_position_embeddings": .integer(4096),
  ]
}

extension GraphBuilder {
  /// Experts of stacked matrices with biases: (clip(up) + 1)·quick_gelu(min(gate, limit)).
  fileprivate mutating func clippedExperts(
    _ x: Activation, _ routing: RoutingCounts, limit: Double?, inner: Int, outputs: Int
  ) -> Activation {
    let logits = linear("router_logits", x, "mlp.router", outputs: routing.experts, hasBias: true)
    let count = routing.experts
    let (first, firstBias) = (
      parameter("mlp.experts.gate_up_proj", count, outputs, 2 * inner),
      parameter("mlp.experts.gate_up_proj_bias", count, 2 * inner)
    )
    let (second, secondBias) = (
      parameter("mlp.experts.down_proj", count, inner, outputs),
      parameter("mlp.experts.down_proj_bias", count, outputs)
    )
    return experts(
      "mlp_out", of: x, logits: logits, choosing: RouteIDs(routing.choices),
      weights: RouteWeights(isNormalised: true), parameters: { _ in "" }
    ) { b, expert, rows in
      func half(_ place: Int) -> ParameterView.Selection {
        ParameterView.Selection(groups: inner, parts: 2, take: place..<place + 1, expert: expert)
      }
      let gate = b.linear("mlp_gate", rows, first, bias: firstBias, half(0))
      let up = b.linear("mlp_up", rows, first, bias: firstBias, half(1))
      let active = b.activate("mlp_act", ActivationFunction(.quickGELU, limit: limit), gate)
      let gated = b.product("mlp_gated", active, up, Product(plus: 1, limit: limit))
      return b.linear("mlp_out", gated, second, bias: secondBias, ParameterView.Selection(expert: expert))
    }
  }
}
