import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

/// Models with an encoder, made to make faults visible of the operations that these brought.
extension Preset {
  static let encoderProbes: [Preset] = [
    Preset(
      "probe-one-side", "hunts token types, and sums that are rounded to one side",
      rule: rows(width: 37, tokens: 5) { _, name, row, column, random in
        switch name {
        // Sums of one sign, the first term greater than the others together.
        case "output.LayerNorm.bias": (row == 0 ? 48 : 3) + random
        case "dense.weight": (row % 2 == 1 ? abs(random) : random) / 64
        case "seq_relationship.weight": abs(random) * (column == 0 ? 64 : 1)
        default: random
        }
      },
      huggingFaceJSON: """
        {"model_type": "bert", "architectures": ["BertForPreTraining"], "vocab_size": 5, "hidden_size": 37,
         "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 3,
         "max_position_embeddings": 8}
        """),
    Preset(
      "probe-first-row", "hunts every bit of what reads an encoder's last rows: one or two terms in a sum",
      rule: rows(width: 2, tokens: 5) { _, name, row, column, random in
        switch name {
        // Two numbers that are normalised are 1 and −1, of which one is left.
        case "output.LayerNorm.weight": row == 0 ? 1 : 0
        case "output.LayerNorm.bias", "dense.bias", "seq_relationship.bias": 0
        // Both numbers of the pooled row are 1 or both −1, as far as tanh goes.
        case "dense.weight": 64 * abs(random)
        case "seq_relationship.weight": (column == 0 ? 1 : -1) * (1 + abs(random) / 64)
        default: random
        }
      },
      huggingFaceJSON: """
        {"model_type": "bert", "architectures": ["BertForPreTraining"], "vocab_size": 5, "hidden_size": 2,
         "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 3,
         "max_position_embeddings": 8}
        """),
    Preset(
      "probe-padding", "hunts positions counted over padding", rule: rows(width: 10, tokens: 17),
      huggingFaceJSON: """
        {"model_type": "roberta", "vocab_size": 17, "hidden_size": 10, "num_hidden_layers": 1,
         "num_attention_heads": 2, "intermediate_size": 7, "max_position_embeddings": 24,
         "type_vocab_size": 1, "pad_token_id": 2, "layer_norm_eps": 1e-5, "hidden_act": "quick_gelu"}
        """),
    Preset(
      "probe-both-sides", "hunts windows to both sides, and rotations of two bases",
      rule: rows(width: 12, tokens: 17),
      huggingFaceJSON: """
        {"model_type": "modernbert", "vocab_size": 17, "hidden_size": 12, "num_hidden_layers": 2,
         "num_attention_heads": 2, "intermediate_size": 7, "local_attention": 8, "global_rope_theta": 1000.0,
         "local_rope_theta": 50.0, "global_attn_every_n_layers": 2, "attention_bias": true,
         "norm_bias": true, "classifier_bias": true}
        """),
    Preset(
      "probe-distances", "hunts buckets of distances, and every bit of what reads a source",
      rule: rows(width: 9, tokens: 23, isSparse: true) { _, name, row, column, random in
        switch name {
        // Blocks add nothing to a row before it is read.
        case "layer.0.SelfAttention.o.weight", "layer.1.DenseReluDense.wo.weight": 0
        // What is normalised of every second row with one entry is a power of 2.
        case "layer.1.layer_norm.weight", "final_layer_norm.weight": row % 2 == 1 ? 1 / 3 : random
        // A query looks at one key, whose value has one entry, so that one term is left of a sum.
        case "layer.1.EncDecAttention.q.weight": 64 * random
        case "layer.1.EncDecAttention.v.weight": row < 2 || row % 2 == column % 2 ? 0 : random
        default: random
        }
      },
      huggingFaceJSON: """
        {"model_type": "t5", "vocab_size": 23, "d_model": 9, "num_layers": 1, "num_heads": 2, "d_kv": 2,
         "d_ff": 7, "feed_forward_proj": "gated-gelu", "relative_attention_num_buckets": 8,
         "relative_attention_max_distance": 16, "layer_norm_epsilon": 1e-5}
        """),
    Preset(
      "probe-sources", "hunts attention to a source", rule: rows(width: 10, tokens: 19),
      huggingFaceJSON: """
        {"model_type": "bart", "vocab_size": 19, "d_model": 10, "encoder_layers": 1, "decoder_layers": 1,
         "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 7,
         "decoder_ffn_dim": 7, "max_position_embeddings": 24, "scale_embedding": true}
        """),
    Preset(
      "probe-waves", "hunts sines and cosines", rule: rows(width: 9, tokens: 19),
      huggingFaceJSON: """
        {"model_type": "marian", "vocab_size": 19, "decoder_vocab_size": 19, "d_model": 9,
         "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 3,
         "decoder_attention_heads": 1, "encoder_ffn_dim": 7, "decoder_ffn_dim": 7, "scale_embedding": true,
         "share_encoder_decoder_embeddings": false, "activation_function": "swish"}
        """),
    Preset(
      "probe-sounds", "hunts the logarithm of a sound's bands, and convolutions",
      rule: rows(width: 6, tokens: 17),
      given: Given(.sound(FrontEnd(windowLength: 14, hop: 5), samples: 81, tokens: 11)) { _, row, _, random in
        // Loud at first, then ever more quiet.
        random * Float(sign: .plus, exponent: -row / 5, significand: 1)
      },
      huggingFaceJSON: """
        {"model_type": "whisper", "vocab_size": 17, "d_model": 6, "num_mel_bins": 5, "encoder_layers": 1,
         "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
         "encoder_ffn_dim": 7, "decoder_ffn_dim": 7, "max_source_positions": 11, "max_target_positions": 20}
        """),
    Preset(
      "probe-ends", "hunts the row that stands for a text", rule: rows(width: 10, tokens: 17),
      huggingFaceJSON: """
        {"model_type": "clip_text_model", "vocab_size": 17, "hidden_size": 10, "num_hidden_layers": 1,
         "num_attention_heads": 2, "intermediate_size": 7, "max_position_embeddings": 24,
         "eos_token_id": 3, "projection_dim": 7}
        """),
  ]
}
