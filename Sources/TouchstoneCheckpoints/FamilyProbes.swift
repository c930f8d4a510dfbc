import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

/// Models of other families than GPT-2's, made to make faults visible of the operations that those brought.
///
/// Few terms in a sum and weights of one magnitude, so that the last bit of each weighs something; rows that are nearly or
/// exactly 0, where ε decides and all scores are equal; texts longer than the windows.
extension Preset {
  static let familyProbes: [Preset] = [
    Preset(
      "probe-caps", "hunts caps: scores from 0 to ten caps, logits beyond theirs",
      rule: rows(width: 6, tokens: 13) { _, name, row, _, random in
        switch name {
        case "self_attn.q_proj.weight": 2 * random
        // Gains of 1 + weight: two of six numbers are left, so that gates have two terms.
        case "pre_feedforward_layernorm.weight" where row % 3 < 2: -1
        default: random
        }
      },
      huggingFaceJSON: """
        {"model_type": "gemma2", "vocab_size": 13, "hidden_size": 6, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "intermediate_size": 9,
         "rms_norm_eps": 1e-5, "rope_theta": 100.0, "sliding_window": 13, "query_pre_attn_scalar": 7,
         "attn_logit_softcapping": 8.0, "final_logit_softcapping": 4.0}
        """),
    Preset(
      "probe-head-norms", "hunts norms of heads and of branches, and what differs between blocks",
      rule: rows(width: 28, tokens: 19) { block, name, row, _, random in
        switch name {
        // What blocks add is so little that rows keep their size, and every second its sign.
        case "post_attention_layernorm.weight", "post_feedforward_layernorm.weight":
          -1 + random * (block == 0 ? 0x1p-12 : 0x1p-6)
        case "embed_tokens.weight", "lm_head.weight": row % 2 == 1 ? abs(random) : random
        case "mlp.gate_proj.weight", "mlp.up_proj.weight": block == 0 && row % 2 == 1 ? abs(random) : random
        default: random
        }
      },
      huggingFaceJSON: """
        {"model_type": "gemma3_text", "vocab_size": 19, "hidden_size": 28, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 4, "intermediate_size": 9,
         "rms_norm_eps": 1e-5, "sliding_window": 5, "sliding_window_pattern": 2, "query_pre_attn_scalar": 5,
         "rope_theta": 1000.0, "rope_local_base_freq": 50.0, "tie_word_embeddings": false,
         "final_logit_softcapping": 5.0, "rope_scaling": {"rope_type": "linear", "factor": 4.0}}
        """),
    Preset(
      "probe-joined-norms", "hunts norms of all heads together: heads and rows of very different sizes",
      rule: rows(width: 8, tokens: 29) { _, name, row, _, random in
        switch name {
        case "self_attn.q_proj.weight", "self_attn.k_proj.weight": row < 6 ? 16 * random : random
        case "mlp.gate_proj.weight": 8 * random
        default: random
        }
      },
      huggingFaceJSON: """
        {"model_type": "olmo2", "vocab_size": 29, "hidden_size": 8, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 6, "intermediate_size": 9,
         "rms_norm_eps": 1e-5, "max_position_embeddings": 384, "rope_theta": 100.0,
         "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                          "high_freq_factor": 4.0, "original_max_position_embeddings": 48}}
        """),
    Preset(
      "probe-far-positions", "hunts angles: positions up to 4000, part of a head turning, by listed factors",
      rule: rows(width: 6, tokens: 13),
      huggingFaceJSON: """
        {"model_type": "phi3", "vocab_size": 13, "hidden_size": 6, "num_hidden_layers": 1,
         "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "intermediate_size": 9,
         "rms_norm_eps": 1e-5, "sliding_window": 9, "max_position_embeddings": 4096,
         "original_max_position_embeddings": 16, "rope_theta": 100.0, "partial_rotary_factor": 0.67,
         "rope_scaling": {"type": "su", "short_factor": [1.0, 1.25], "long_factor": [1.5, 4.0]}}
        """),
    Preset(
      "probe-biases", "hunts a bias of every product, and a rotation stretched by a ramp",
      rule: rows(width: 18, tokens: 19),
      huggingFaceJSON: """
        {"model_type": "llama", "vocab_size": 19, "hidden_size": 18, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "intermediate_size": 9,
         "rms_norm_eps": 1e-4, "attention_bias": true, "mlp_bias": true,
         "max_position_embeddings": 256, "rope_theta": 100.0,
         "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64,
                          "beta_fast": 2.0, "beta_slow": 0.5}}
        """),
    Preset(
      "probe-neighbours", "hunts halves side by side, pairs of neighbours, ReLU² from 0 to 1000",
      rule: rows(width: 12, tokens: 23) { _, name, _, _, random in
        name == "mlp.fc_in.weight" ? 4 * random : random
      },
      huggingFaceJSON: """
        {"model_type": "gptj", "vocab_size": 23, "n_embd": 12, "n_layer": 1, "n_head": 2, "n_inner": 7,
         "rotary_dim": 4, "activation_function": "relu2"}
        """),
    Preset(
      "probe-groups", "hunts keys stored with their queries, and a norm for each half",
      rule: rows(width: 16, tokens: 23),
      huggingFaceJSON: """
        {"model_type": "falcon", "vocab_size": 23, "hidden_size": 16, "num_hidden_layers": 1,
         "num_attention_heads": 4, "num_kv_heads": 2, "new_decoder_architecture": true, "bias": true,
         "ffn_hidden_size": 7, "rope_theta": 100.0, "activation": "gelu_fast"}
        """),
    Preset(
      "probe-slopes", "hunts biases on scores of eleven heads, whose slopes are no powers of 2",
      rule: rows(width: 22, tokens: 17),
      huggingFaceJSON: """
        {"model_type": "bloom", "vocab_size": 17, "hidden_size": 22, "n_layer": 1, "n_head": 11}
        """),
    Preset(
      "probe-clipped", "hunts limits: most projections beyond theirs", rule: rows(width: 9, tokens: 17),
      huggingFaceJSON: """
        {"model_type": "mpt", "vocab_size": 17, "d_model": 9, "n_layers": 1, "n_heads": 9,
         "attn_config": {"clip_qkv": 1.0, "softmax_scale": 4.0}}
        """),
    Preset(
      "probe-narrow-table", "hunts norms behind the sums, and projections from and to a table",
      rule: rows(width: 26, tokens: 21) { block, name, row, column, random in
        switch name {
        // One entry of a row, a power of 2: what is projected is a column of the matrix to the last bit.
        case "embed_tokens.weight" where row <= 10: row == column + 1 ? 1 : 0
        // One term in every second sum, all of one sign in the others.
        case "project_out.weight": row % 2 == 1 ? abs(random) : column == (row + 9) % 26 ? random : 0
        case "final_layer_norm.bias" where block == 1: 3 + random
        default: random
        }
      },
      huggingFaceJSON: """
        {"model_type": "opt", "vocab_size": 21, "hidden_size": 26, "num_hidden_layers": 2,
         "num_attention_heads": 2, "ffn_dim": 9, "max_position_embeddings": 32, "word_embed_proj_dim": 25,
         "do_layer_norm_before": false}
        """),
    Preset(
      "probe-both-signs", "hunts softmax without its maximum: rows of scores beyond 89 of both signs",
      rule: rows(width: 12, tokens: 27) { _, name, row, column, random in
        switch name {
        // Queries of the first head are its keys, of the second their opposites: a token is as near itself, or as far, as can be.
        case "self_attn.q_proj.weight": (row < 6 ? 1 : -1) * part(row % 6, column) + random / 16
        case "self_attn.k_proj.weight": part(row, column) + random / 16
        case "self_attn.q_proj.bias", "self_attn.k_proj.bias": random / 16
        case "self_attn.q_layernorm.weight", "self_attn.k_layernorm.weight": 8 * random
        case "mlp.fc1.weight": 4 * random
        default: random
        }
      },
      huggingFaceJSON: """
        {"model_type": "phi", "vocab_size": 27, "hidden_size": 12, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 9, "qk_layernorm": true,
         "partial_rotary_factor": 0.67, "rope_theta": 100.0, "hidden_act": "quick_gelu"}
        """),
  ]

  /// What queries and keys have in common.
  private static func part(_ row: Int, _ column: Int) -> Float {
    Float((row * 5 + column * 7 + row * column) % 13 - 6) / 4
  }

  /// A number for a parameter, by its block and the name of its module there, row, column, and the random number due.
  typealias Entry =
    @Sendable (
      _ block: Int?, _ name: String, _ row: Int, _ column: Int, _ random: Float
    ) -> Float

  /// Rows of the table are of every size from 2⁻¹⁸ to 8, the first is 0; weights of matrices are ±[1, 2) of one power of 2.
  ///
  /// - Parameter isSparse: whether rows of the table from the second on have one entry, and six more one sign.
  static func rows(
    width: Int, tokens: Int, isSparse: Bool = false, _ entry: @escaping Entry = { $4 }
  ) -> WeightRule {
    var rule = WeightRule.probing(width: width)
    let quarter = rule.matrix.scale / 4
    @Sendable func even(_ random: Float) -> Float { random / 2 + (random < 0 ? -quarter : quarter) }
    rule.pattern = { parameter in
      let parts = parameter.name.split(separator: ".")
      let place = parts.firstIndex { Int($0) != nil }
      let block = place.flatMap { Int(parts[$0]) }
      let name = parts[(place.map { $0 + 1 } ?? max(parts.count - 2, 0))...].joined(separator: ".")
      if tables.contains(name) {
        return { row, column, random in
          if isSparse, let entry = sparse(row, column, width: width) { return entry }
          let exponent = row % tokens * 21 / (tokens - 1) - 18
          let size = row == 0 ? 0 : Float(sign: .plus, exponent: exponent, significand: 1)
          return size * entry(block, name, row, column, even(random))
        }
      }
      guard parameter.shape.count == 2 else {
        return { row, column, random in entry(block, name, row, column, random) }
      }
      return { row, column, random in entry(block, name, row, column, even(random)) }
    }
    return rule
  }

  /// An entry of the rows of a table that are nearly empty: `width` with one entry, then six of one sign whose first is
  /// greater than the others; nil in the others.
  private static func sparse(_ row: Int, _ column: Int, width: Int) -> Float? {
    switch row {
    case 1...width: row == column + 1 ? 64 : 0
    case width + 1...width + 6: (column == 0 ? 16 : 1) + Float((row * 5 + column * 7) % 13) / 16
    default: nil
    }
  }

  private static let tables: Set = [
    "embed_tokens.weight", "wte.weight", "word_embeddings.weight", "shared.weight", "tok_embeddings.weight",
    "token_embedding.weight",
  ]
}
