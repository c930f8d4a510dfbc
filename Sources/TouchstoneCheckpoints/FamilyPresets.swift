import TouchstoneFamilies
import TouchstoneModel

/// Small models of the families that differ from Llama in their norms, rotations, windows and caps, two of each.
///
/// Windows are shorter than the text, caps bite, and hardly an extent is a multiple of a vector's width.
extension Preset {
  static let families = [
    Preset(
      "tiny-qwen3", "Qwen3: each head of queries and keys normalised, three queries to a key", width: 22,
      huggingFaceJSON: """
        {"model_type": "qwen3", "vocab_size": 43, "hidden_size": 22, "num_hidden_layers": 2,
         "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 31,
         "rms_norm_eps": 1e-5, "rope_theta": 100.0}
        """),
    Preset(
      "tiny-qwen3-window", "Qwen3 with a window in the second block, biases, one head of keys, tied",
      width: 19,
      huggingFaceJSON: """
        {"model_type": "qwen3", "vocab_size": 37, "hidden_size": 19, "num_hidden_layers": 2,
         "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 10, "intermediate_size": 29,
         "rms_norm_eps": 1e-4, "rope_theta": 500.0, "attention_bias": true, "tie_word_embeddings": true,
         "use_sliding_window": true, "sliding_window": 6, "max_window_layers": 1}
        """),
    Preset(
      "tiny-gemma2", "Gemma 2: norms behind each half, capped scores and logits, a window in the first block",
      width: 24,
      huggingFaceJSON: """
        {"model_type": "gemma2", "vocab_size": 41, "hidden_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 10, "intermediate_size": 29,
         "rms_norm_eps": 1e-5, "rope_theta": 100.0, "sliding_window": 6, "query_pre_attn_scalar": 7,
         "attn_logit_softcapping": 8.0, "final_logit_softcapping": 4.0}
        """),
    Preset(
      "tiny-gemma2-listed", "Gemma 2 with biases, a readout by itself, listed windows, logits capped alone",
      width: 21,
      huggingFaceJSON: """
        {"model_type": "gemma2", "vocab_size": 37, "hidden_size": 21, "num_hidden_layers": 2,
         "num_attention_heads": 3, "num_key_value_heads": 3, "head_dim": 6, "intermediate_size": 25,
         "rms_norm_eps": 1e-4, "rope_theta": 300.0, "sliding_window": 5, "query_pre_attn_scalar": 11,
         "layer_types": ["full_attention", "sliding_attention"], "attention_bias": true,
         "tie_word_embeddings": false, "attn_logit_softcapping": null, "final_logit_softcapping": 2.5}
        """),
    Preset(
      "tiny-gemma3", "Gemma 3: rotations of their own for blocks with a window and without", width: 20,
      huggingFaceJSON: """
        {"model_type": "gemma3_text", "vocab_size": 41, "hidden_size": 20, "num_hidden_layers": 3,
         "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 8, "intermediate_size": 27,
         "rms_norm_eps": 1e-5, "sliding_window": 5, "sliding_window_pattern": 2, "query_pre_attn_scalar": 5,
         "rope_theta": 1000.0, "rope_local_base_freq": 50.0,
         "rope_scaling": {"rope_type": "linear", "factor": 4.0}}
        """),
    Preset(
      "tiny-gemma3-capped", "Gemma 3 with capped logits, biases, a readout by itself, one query to a key",
      width: 18,
      huggingFaceJSON: """
        {"model_type": "gemma3_text", "vocab_size": 35, "hidden_size": 18, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 6, "intermediate_size": 23,
         "rms_norm_eps": 1e-4, "sliding_window": 4, "query_pre_attn_scalar": 9, "attention_bias": true,
         "layer_types": ["full_attention", "sliding_attention"], "tie_word_embeddings": false,
         "final_logit_softcapping": 3.0, "rope_theta": 200.0, "rope_local_base_freq": 20.0}
        """),
    Preset(
      "tiny-olmo2", "OLMo 2: heads normalised together, norms behind each half alone", width: 24,
      huggingFaceJSON: """
        {"model_type": "olmo2", "vocab_size": 43, "hidden_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 6, "num_key_value_heads": 2, "intermediate_size": 33,
         "rms_norm_eps": 1e-5, "rope_theta": 100.0}
        """),
    Preset(
      "tiny-olmo2-biases", "OLMo 2 with biases, tied, one query to a key", width: 30,
      huggingFaceJSON: """
        {"model_type": "olmo2", "vocab_size": 37, "hidden_size": 30, "num_hidden_layers": 2,
         "num_attention_heads": 3, "num_key_value_heads": 3, "intermediate_size": 29, "rms_norm_eps": 1e-4,
         "attention_bias": true, "tie_word_embeddings": true, "rope_theta": 300.0}
        """),
    // Beyond the 16 positions of training the long factors hold; cosine and sine are scaled by 1.225.
    Preset(
      "tiny-phi3", "Phi-3: six of eight columns of a head turn, by the long factors, through a window",
      width: 48,
      huggingFaceJSON: """
        {"model_type": "phi3", "vocab_size": 43, "hidden_size": 48, "num_hidden_layers": 2,
         "num_attention_heads": 6, "num_key_value_heads": 2, "intermediate_size": 31, "rms_norm_eps": 1e-5,
         "sliding_window": 9, "max_position_embeddings": 64, "original_max_position_embeddings": 16,
         "rope_theta": 100.0, "partial_rotary_factor": 0.75,
         "rope_scaling": {"type": "su", "short_factor": [1.0, 1.25, 1.5], "long_factor": [1.5, 2.0, 4.0]}}
        """),
    Preset(
      "tiny-phi3-half", "Phi-3, half of each head turning, one query to a key, tied", width: 36,
      huggingFaceJSON: """
        {"model_type": "phi3", "vocab_size": 37, "hidden_size": 36, "num_hidden_layers": 2,
         "num_attention_heads": 3, "num_key_value_heads": 3, "intermediate_size": 29, "rms_norm_eps": 1e-4,
         "rope_theta": 300.0, "partial_rotary_factor": 0.5, "tie_word_embeddings": true}
        """),
  ]
}
