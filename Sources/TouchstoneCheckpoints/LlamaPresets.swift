import TouchstoneFamilies
import TouchstoneModel

/// Small models of Llama and of the families that are nearly Llama: Mistral, Qwen2, Gemma.
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
    Preset(
      "tiny-mistral", "Mistral: one window for all blocks, two queries to a key, wide heads", width: 8,
      huggingFaceJSON: """
        {"model_type": "mistral", "vocab_size": 19, "hidden_size": 8, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4, "intermediate_size": 9,
         "rms_norm_eps": 1e-5, "rope_theta": 100.0, "sliding_window": 5}
        """),
    Preset(
      "tiny-mistral-whole", "Mistral without a window, tied, stretched by a factor", width: 6,
      huggingFaceJSON: """
        {"model_type": "mistral", "vocab_size": 17, "hidden_size": 6, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 6, "intermediate_size": 7,
         "rms_norm_eps": 1e-3, "rope_theta": 300.0, "sliding_window": null, "tie_word_embeddings": true,
         "rope_scaling": {"rope_type": "linear", "factor": 3.0}}
        """),
    Preset(
      "tiny-qwen2", "Qwen2: biases of queries, keys and values alone, two queries to a key", width: 8,
      huggingFaceJSON: """
        {"model_type": "qwen2", "vocab_size": 19, "hidden_size": 8, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4, "intermediate_size": 9,
         "rms_norm_eps": 1e-5, "rope_theta": 100.0}
        """),
    Preset(
      "tiny-qwen2-window", "Qwen2 with a window in the second block, tied, stretched by yarn", width: 6,
      huggingFaceJSON: """
        {"model_type": "qwen2", "vocab_size": 17, "hidden_size": 6, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 11,
         "rms_norm_eps": 1e-3, "tie_word_embeddings": true, "use_sliding_window": true, "sliding_window": 5,
         "max_window_layers": 1, "max_position_embeddings": 128, "rope_theta": 100.0,
         "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32,
                          "beta_fast": 2.0, "beta_slow": 0.5}}
        """),
    Preset(
      "tiny-gemma", "Gemma: the embedding times √D, gains stored less one, one head of keys", width: 8,
      huggingFaceJSON: """
        {"model_type": "gemma", "vocab_size": 19, "hidden_size": 8, "num_hidden_layers": 2,
         "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 6, "intermediate_size": 9,
         "rms_norm_eps": 1e-5, "rope_theta": 100.0}
        """),
    Preset(
      "tiny-gemma-biases", "Gemma with biases, a readout by itself, the old name of its gate", width: 6,
      huggingFaceJSON: """
        {"model_type": "gemma", "vocab_size": 17, "hidden_size": 6, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 6, "intermediate_size": 11,
         "rms_norm_eps": 1e-3, "rope_theta": 300.0, "attention_bias": true, "tie_word_embeddings": false,
         "hidden_act": "gelu"}
        """),
  ]
}
