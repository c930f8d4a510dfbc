import TouchstoneGraph
import TouchstoneModel

/// The architectures whose blocks are named as Llama's.
extension GGUFFamily {
  static let llama = GGUFFamily(
    "llama", outside: llamaOutside, block: "model.layers.", inside: llamaInside,
    change: { module, _ in
      // llama.cpp turns neighbouring columns of this architecture alone.
      switch module {
      case "attn_q": .paired(isKey: false)
      case "attn_k": .paired(isKey: true)
      default: nil
      }
    },
    configure: { config throws(BadInput) in
      try config.setLlama()
      config.set("attention_bias", config.shape(of: "blk.0.attn_output.bias") != nil)
      config.set("mlp_bias", config.shape(of: "blk.0.ffn_down.bias") != nil)
    })

  static let qwen2 = GGUFFamily(
    "qwen2", outside: llamaOutside, block: "model.layers.", inside: llamaInside,
    configure: { config throws(BadInput) in try config.setLlama() })

  static let qwen3 = GGUFFamily(
    "qwen3", outside: llamaOutside, block: "model.layers.", inside: llamaInside.merging(headNorms) { $1 },
    configure: { config throws(BadInput) in
      try config.setLlama()
      config.set("attention_bias", config.shape(of: "blk.0.attn_output.bias") != nil)
    })

  static let olmo2 = GGUFFamily(
    "olmo2", outside: llamaOutside, block: "model.layers.",
    inside: llamaInside.merging(headNorms) { $1 }.merging([
      "post_attention_norm": "post_attention_layernorm", "post_ffw_norm": "post_feedforward_layernorm",
    ]) { $1 },
    configure: { config throws(BadInput) in try config.setLlama() })

  static let gemma = GGUFFamily(
    "gemma", outside: llamaOutside, block: "model.layers.", inside: llamaInside, change: raisedGains,
    configure: { config throws(BadInput) in try config.setLlama() })

  static let gemma2 = GGUFFamily(
    "gemma2", outside: llamaOutside, block: "model.layers.", inside: gemmaInside, change: raisedGains,
    configure: { config throws(BadInput) in
      try config.setLlama()
      config.set("attn_logit_softcapping", try config.number("attn_logit_softcapping") ?? 50)
      config.set("final_logit_softcapping", try config.number("final_logit_softcapping") ?? 30)
      try config.setGemmaWindows(pattern: 2, window: 4096)
      try config.setGemmaScale(meanWidthAt: 46)
    })

  static let gemma3 = GGUFFamily(
    "gemma3", modelType: "gemma3_text", outside: llamaOutside, block: "model.layers.",
    inside: gemmaInside.merging(headNorms) { $1 }, change: raisedGains,
    configure: { config throws(BadInput) in
      try config.setLlama()
      config.set("final_logit_softcapping", try config.number("final_logit_softcapping"))
      config.set("rope_local_base_freq", try config.number("rope.freq_base_swa") ?? 10_000)
      try config.setGemmaWindows(pattern: 6, window: nil)
      try config.setGemmaScale(meanWidthAt: 62)
    })

  static let phi3 = GGUFFamily(
    "phi3", outside: llamaOutside, block: "model.layers.",
    inside: [
      "attn_norm": "input_layernorm", "attn_qkv": "self_attn.qkv_proj", "attn_output": "self_attn.o_proj",
      "ffn_norm": "post_attention_layernorm", "ffn_up": "mlp.gate_up_proj", "ffn_down": "mlp.down_proj",
    ],
    configure: { config throws(BadInput) in
      try config.setLlama(share: "partial_rotary_factor")
      let window = try config.integer("attention.sliding_window") ?? 0
      config.set("sliding_window", window > 0 ? .integer(window) : .null)
    })

  static let starCoder2 = GGUFFamily(
    "starcoder2", outside: llamaOutside, block: "model.layers.",
    inside: llamaInside.merging(["ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj"]) { $1 },
    configure: { config throws(BadInput) in
      try config.setLlama(epsilon: "norm_epsilon")
      config.set("use_bias", config.shape(of: "blk.0.attn_output.bias") != nil)
    })

  static let phi2 = GGUFFamily(
    "phi2", modelType: "phi",
    outside: llamaOutside.merging(["output_norm": "model.final_layernorm"]) { $1 }, block: "model.layers.",
    inside: llamaInside.merging([
      "attn_output": "self_attn.dense", "ffn_up": "mlp.fc1", "ffn_down": "mlp.fc2",
    ]) { $1 },
    configure: { config throws(BadInput) in
      try config.setLlama(epsilon: "layer_norm_eps", share: "partial_rotary_factor")
    })

  private static let llamaOutside = [
    "token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
  ]

  private static let llamaInside = [
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
  ]

  private static let headNorms = ["attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"]

  private static let gemmaInside = llamaInside.merging([
    "post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
  ]) { $1 }

  @Sendable private static func raisedGains(_ module: String, _ part: String) -> Change? {
    module.hasSuffix("norm") && part == "weight" ? .raised : nil
  }
}

extension GGUFConfig {
  /// Sizes, groups, ε and rotation, under the names that Llama and most after it have.
  fileprivate mutating func setLlama(
    epsilon: String = "rms_norm_eps", share: String? = nil
  ) throws(BadInput) {
    try setSizes()
    setGroups()
    try setInner("intermediate_size")
    let name = epsilon == "rms_norm_eps" ? "layer_norm_rms_epsilon" : "layer_norm_epsilon"
    set(epsilon, try number("attention.\(name)"))
    try setRotation(share: share)
  }

  /// Which blocks look through a window, and how wide it is.
  fileprivate mutating func setGemmaWindows(pattern: Int, window: Int?) throws(BadInput) {
    let layers = try size("block_count")
    let width = try integer("attention.sliding_window") ?? window ?? 0
    let slides = try slidingBlocks(of: layers, pattern: pattern).map { $0 && width > 0 }
    set("sliding_window", width > 0 ? .integer(width) : .null)
    set("layer_types", .array(slides.map { .string($0 ? "sliding_attention" : "full_attention") }))
  }

  /// The factor on scores is in no metadata: 1/√d, and 1/√(D/H) in the largest model of the architecture, which
  /// llama.cpp knows by its number of blocks.
  fileprivate mutating func setGemmaScale(meanWidthAt layers: Int) throws(BadInput) {
    set("query_pre_attn_scalar", try size("block_count") == layers ? width / heads.query : headWidth)
  }
}
