import Foundation
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference

/// Every field of a `config.json` that changes the arithmetic of some family, drawn at random.
///
/// It knows no family: one that is given all fields takes those that it reads, and what it refuses is drawn again, or left
/// out where it refuses that too. A family that reads another field has it here.
struct RandomFields {
  private var random: SplitMix64
  /// D, H, KV, L.
  private let width: Int, heads: Int, keyHeads: Int, layers: Int
  private let isWide: Bool
  /// d where it is not D/H.
  private let ownHeadWidth: Int
  private let positions: Int
  /// The fields as JSON text.
  private var fields: [String: String] = [:]

  /// A model of a family of about this width.
  ///
  /// - Throws: `BadInput` where the family needs a field that is not drawn.
  static func architecture(
    of family: Family, width: Int, layers: Int, _ random: SplitMix64
  ) throws(BadInput) -> Architecture {
    var (random, refused) = (random, BadInput(problem: "no fields were drawn", remedy: "draw some"))
    for attempt in 0..<64 {
      var fields = RandomFields(width: width, layers: layers, hasEvenHeads: attempt % 2 == 1, &random)
      do {
        return try fields.architecture(of: family)
      } catch {
        refused = error
      }
    }
    throw refused
  }

  /// - Parameter hasEvenHeads: whether D/H is even.
  private init(width: Int, layers: Int, hasEvenHeads: Bool, _ random: inout SplitMix64) {
    func pick<Value>(_ values: [Value]) -> Value { values[Int(random.next() % UInt64(values.count))] }
    isWide = width > 200
    keyHeads = isWide ? pick([1, 2, 4]) : pick([1, 1, 2, 3])
    let headWidth = pick([64, 128])
    heads = isWide ? width / headWidth / keyHeads * keyHeads : keyHeads * pick([1, 2, 3, 4, 6])
    let unit = hasEvenHeads ? 2 * heads : heads
    self.width = max(width / unit, 2) * unit
    self.layers = layers
    ownHeadWidth = isWide ? headWidth : 2 * pick(Array(2...16))
    positions = pick(isWide ? [64, 512] : [64, 512, 8192])
    self.random = SplitMix64(seed: random.next())
    for names in Self.names { draw(names) }
    // These do not change what is drawn again of the others.
    let kept = self.random
    for names in Self.namesOfTwoStacks { draw(names) }
    self.random = kept
  }

  /// The family's own, once it refuses nothing more.
  private mutating func architecture(of family: Family) throws(BadInput) -> Architecture {
    fields["model_type"] = "\"\(family.modelTypes[0])\""
    var refusals: [String: Int] = [:]
    while true {
      let members = fields.sorted { $0.key < $1.key }.map { "\"\($0)\": \($1)" }
      let text = "{" + members.joined(separator: ", ") + "}"
      do {
        return try Architecture(drawn: try JSONValue.parse(Data(text.utf8)), of: family)
      } catch {
        // What is inside an object is refused with the object.
        let path = (error.place ?? "").split(separator: ".").map(String.init)
        guard let name = [path.last, path.first].compactMap({ $0 }).first(where: { fields[$0] != nil }),
          let names = (Self.names + Self.namesOfTwoStacks).first(where: { $0.contains(name) })
        else { throw error }
        refusals[name, default: 0] += 1
        if refusals[name, default: 0] > 12 { fields[name] = nil } else { draw(names, only: name) }
      }
    }
  }

  /// Names of fields, those of one quantity together: they have one value.
  private static let names: [[String]] = [
    ["vocab_size"], ["hidden_size", "n_embd", "d_model", "n_embed", "dim"],
    ["num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers"],
    ["num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads"],
    ["num_key_value_heads", "num_kv_heads"], ["head_dim"],
    ["intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "hidden_dim", "d_ff", "encoder_ffn_dim"],
    ["word_embed_proj_dim"],
    ["max_position_embeddings", "n_positions"],
    ["rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "norm_eps"],
    ["hidden_act", "hidden_activation", "activation_function", "activation"],
    ["attention_bias", "use_bias", "enable_bias", "bias"], ["mlp_bias"], ["tie_word_embeddings"],
    ["qk_layernorm"], ["use_parallel_residual", "parallel_attn"], ["new_decoder_architecture"],
    ["multi_query"], ["num_ln_in_parallel_attn"], ["do_layer_norm_before"], ["_remove_final_layer_norm"],
    ["apply_residual_connection_post_layernorm"], ["scale_attn_weights"],
    ["scale_attn_by_inverse_layer_idx"], ["use_sliding_window"], ["sliding_window"], ["max_window_layers"],
    ["layer_types"], ["sliding_window_pattern"], ["query_pre_attn_scalar"], ["attn_logit_softcapping"],
    ["final_logit_softcapping"], ["attn_config"], ["partial_rotary_factor", "rotary_pct"], ["rotary_dim"],
    ["rope_theta", "rotary_emb_base"], ["rope_local_base_freq"], ["original_max_position_embeddings"],
    ["rope_scaling"], ["num_local_experts", "num_experts"], ["num_experts_per_tok"],
    ["moe_intermediate_size"],
    ["norm_topk_prob"], ["decoder_sparse_step"], ["swiglu_limit"],
    ["type_vocab_size"], ["pad_token_id"], ["local_attention"], ["global_attn_every_n_layers"], ["norm_bias"],
    ["n_routed_experts"], ["n_shared_experts"], ["n_group"], ["topk_group"], ["topk_method"],
    ["routed_scaling_factor"], ["first_k_dense_replace"], ["q_lora_rank"], ["kv_lora_rank"],
    ["qk_nope_head_dim"], ["qk_rope_head_dim"], ["v_head_dim"], ["rope_interleave"],
  ]

  /// The same of models with an encoder and a decoder.
  private static let namesOfTwoStacks: [[String]] = [
    ["decoder_layers", "num_decoder_layers"], ["decoder_attention_heads"], ["decoder_ffn_dim"], ["d_kv"],
    ["feed_forward_proj"], ["relative_attention_num_buckets"], ["relative_attention_max_distance"],
    ["scale_embedding"], ["scale_decoder_outputs"], ["share_encoder_decoder_embeddings"],
    ["decoder_vocab_size"], ["num_mel_bins"], ["max_source_positions"], ["max_target_positions"],
    ["image_size"], ["patch_size"], ["num_channels"], ["qkv_bias"], ["ff_mult"],
  ]

  /// Gives fields of one quantity a value, or one of them another.
  private mutating func draw(_ names: [String], only name: String? = nil) {
    let value = value(of: names[0])
    for name in name.map({ [$0] }) ?? names { fields[name] = value }
  }

  private mutating func pick<Value>(_ values: [Value]) -> Value {
    values[Int(random.next() % UInt64(values.count))]
  }

  /// The columns of a head, as far as is known.
  private var headWidth: Int { fields["head_dim"].flatMap { Int($0) } ?? width / heads }

  /// How many columns of a head turn, at most, an even number.
  private mutating func turnedColumns() -> Int { 2 * pick(Array(1...max(headWidth / 2, 1))) }

  /// JSON text; nil for a field that is absent.
  private mutating func value(of name: String) -> String? {
    switch name {
    case "vocab_size": return "\(pick([67, 101, 257]))"
    case "hidden_size": return "\(width)"
    case "num_hidden_layers": return "\(layers)"
    case "num_attention_heads": return "\(heads)"
    case "num_key_value_heads": return "\(keyHeads)"
    case "head_dim": return pick([nil, "\(ownHeadWidth)"])
    case "intermediate_size": return "\(isWide ? width * 11 / 4 : width + pick(Array(1...100)))"
    case "word_embed_proj_dim": return pick([nil, "\(width / 2)"])
    case "max_position_embeddings": return "\(positions)"
    case "rms_norm_eps": return "\(pick([1e-6, 1e-5, 1e-3]))"
    case "hidden_act": return "\"\(pick(Self.functions))\""
    case "num_ln_in_parallel_attn": return pick([nil, "1", "2"])
    case "sliding_window": return pick(["null", "1", "3", "5", "8"])
    case "max_window_layers": return "\(pick([0, 1, 2]))"
    case "layer_types":
      let types = (0..<layers).map { _ in pick(["\"full_attention\"", "\"sliding_attention\""]) }
      return pick([nil, "[\(types.joined(separator: ", "))]"])
    case "sliding_window_pattern": return "\(pick([2, 3]))"
    case "query_pre_attn_scalar": return "\(pick([3, 7.5, 64]))"
    case "attn_logit_softcapping": return pick(["null", "0.25", "2.0", "8.0", "50.0"])
    case "final_logit_softcapping": return pick(["null", "0.5", "4.0", "30.0"])
    case "attn_config":
      let (limit, scale) = (pick(["null", "0.5", "2.0", "4.0"]), pick(["null", "0.1", "0.4"]))
      return "{\"clip_qkv\": \(limit), \"softmax_scale\": \(scale)}"
    case "partial_rotary_factor":
      let turned = turnedColumns()
      // A quarter of a column more, so that the product is not rounded below it.
      return turned == headWidth ? "1.0" : "\((Double(turned) + 0.25) / Double(headWidth))"
    case "rotary_dim": return "\(turnedColumns())"
    case "rope_theta": return "\(pick([100.0, 10_000, 500_000, 5e6]))"
    case "rope_local_base_freq": return "\(pick([20.0, 10_000]))"
    case "original_max_position_embeddings": return pick([nil, "\(positions)", "\(positions / 4)"])
    case "rope_scaling": return scaling()
    case "num_local_experts": return "\(pick([3, 5, 8]))"
    case "num_experts_per_tok": return "\(pick([1, 2, 3]))"
    case "moe_intermediate_size": return "\(pick(Array(5...40)))"
    case "decoder_sparse_step": return "\(pick([1, 2]))"
    case "type_vocab_size": return "\(pick([1, 2, 3]))"
    case "pad_token_id": return "\(pick([0, 1, 3]))"
    case "local_attention": return "\(pick([2, 5, 8]))"
    case "global_attn_every_n_layers": return "\(pick([2, 3]))"
    case "swiglu_limit": return "\(pick([0.25, 1, 7]))"
    case "n_routed_experts": return "\(pick([4, 6, 12]))"
    case "n_shared_experts": return "\(pick([1, 2]))"
    case "n_group": return "\(pick([1, 2, 3]))"
    case "topk_group": return "\(pick([1, 2]))"
    case "topk_method": return pick([nil, "\"greedy\"", "\"group_limited_greedy\"", "\"noaux_tc\""])
    case "routed_scaling_factor": return "\(pick([1, 2.5, 16]))"
    case "first_k_dense_replace": return "\(pick([0, 1]))"
    case "q_lora_rank": return pick(["null", "\(width / 2)"])
    case "kv_lora_rank": return "\(pick(Array(4...24)))"
    case "qk_nope_head_dim", "v_head_dim": return "\(pick(Array(3...24)))"
    case "num_mel_bins": return "\(pick([5, 8, 13]))"
    case "image_size": return "\(pick([8, 9, 13]))"
    case "patch_size": return "\(pick([2, 3, 4]))"
    case "num_channels": return "\(pick([1, 3]))"
    case "ff_mult": return "\(pick([1, 2]))"
    case "max_source_positions": return "\(pick([3, 10, 17]))"
    case "max_target_positions": return "\(pick([64, 448]))"
    case "decoder_layers": return "\(isWide ? 1 : pick([1, 2]))"
    case "decoder_attention_heads": return "\(pick([1, heads]))"
    case "decoder_ffn_dim": return "\(isWide ? width : width + pick(Array(1...40)))"
    case "d_kv": return "\(isWide ? 64 : pick(Array(3...24)))"
    case "feed_forward_proj":
      return pick(["\"relu\"", "\"gated-gelu\"", "\"gated-silu\"", "\"gelu_new\""])
    case "relative_attention_num_buckets": return "\(pick([4, 6, 8, 32]))"
    case "relative_attention_max_distance": return "\(pick([9, 20, 128]))"
    case "decoder_vocab_size": return "\(pick([61, 83]))"
    case "qk_rope_head_dim": return "\(2 * pick(Array(1...8)))"
    default: return pick(["true", "false"])
    }
  }

  private static let functions = [
    "silu", "silu", "gelu_new", "gelu_new", "gelu", "gelu_fast", "quick_gelu", "relu", "relu2", "tanh",
    "sigmoid",
  ]

  /// A way to stretch rotary positions.
  private mutating func scaling() -> String? {
    let factor = pick([1.5, 4, 32])
    let share = fields["partial_rotary_factor"].flatMap { Double($0) } ?? 1
    let pairs = max(Int(share * Double(headWidth)) / 2, 1)
    let trained = "\"original_max_position_embeddings\": \(positions / pick([1, 4]))"
    func list(_ value: (Int) -> Double) -> String { "\((0..<pairs).map(value))" }
    switch pick([0, 1, 2, 3, 4, 5, 6]) {
    case 0: return nil
    case 1: return "{\"rope_type\": \"linear\", \"factor\": \(factor)}"
    case 2: return "{\"rope_type\": \"dynamic\", \"factor\": \(factor)}"
    case 3:
      return """
        {"rope_type": "llama3", "factor": \(factor), "low_freq_factor": 1.0, "high_freq_factor": 4.0, \(trained)}
        """
    case 4: return "{\"rope_type\": \"yarn\", \"factor\": \(factor), \"beta_fast\": 8.0, \(trained)}"
    case 5:
      return """
        {"rope_type": "longrope", "factor": \(factor), "short_factor": \(list { 1 + Double($0) / 16 }),
         "long_factor": \(list { 1 + Double($0) / 3 }), \(trained)}
        """
    default:
      return "{\"rope_type\": \"proportional\", \"factor\": \(factor), \"partial_rotary_factor\": 0.5}"
    }
  }
}
