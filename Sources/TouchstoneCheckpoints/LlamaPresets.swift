import TouchstoneFamilies
import TouchstoneModel

/// Small models of the Llama family.
///
/// Heads are wider than D/H, hardly an extent is a multiple of a vector's width, and every number of the rotation moves
/// some pair.
extension Preset {
  static let llama = [
    Preset(
      "tiny-llama", "RMSNorm, rotary positions, three queries to each key, a gated feed-forward block",
      width: 30,
      huggingFaceJSON: """
        {"model_type": "llama", "vocab_size": 61, "hidden_size": 30, "num_hidden_layers": 2,
         "num_attention_heads": 3, "num_key_value_heads": 1, "intermediate_size": 41, "rms_norm_eps": 1e-5,
         "max_position_embeddings": 64}
        """),
    // Of five pairs one turns as it is, two are blended, two are stretched.
    Preset(
      "tiny-llama3", "Llama 3: rotary positions stretched by wavelength, heads in two groups of three",
      width: 26,
      huggingFaceJSON: """
        {"model_type": "llama", "vocab_size": 67, "hidden_size": 26, "num_hidden_layers": 2,
         "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 10, "intermediate_size": 37,
         "rms_norm_eps": 1e-5, "max_position_embeddings": 384, "rope_theta": 100.0,
         "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                          "high_freq_factor": 4.0, "original_max_position_embeddings": 48}}
        """),
    // Yarn's ramp goes from the second pair to the fifth of six, and scales cosine and sine by 1.139.
    Preset(
      "tiny-llama-yarn", "Llama with every bias, tied, rotary positions stretched by yarn", width: 27,
      huggingFaceJSON: """
        {"model_type": "llama", "vocab_size": 59, "hidden_size": 27, "num_hidden_layers": 2,
         "num_attention_heads": 3, "num_key_value_heads": 3, "head_dim": 12, "intermediate_size": 31,
         "rms_norm_eps": 1e-4, "attention_bias": true, "mlp_bias": true, "tie_word_embeddings": true,
         "max_position_embeddings": 256, "rope_theta": 100.0,
         "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64,
                          "beta_fast": 4.0, "beta_slow": 0.75}}
        """),
  ]
}
