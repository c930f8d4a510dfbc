import TouchstoneFamilies
import TouchstoneModel

/// Small models of the families with LayerNorm, two of each: between them every way in which blocks of the family differ.
///
/// Hardly an extent is a multiple of a vector's width; heads that are biased are no power of two in number.
extension Preset {
  static let layerNormFamilies = [
    Preset(
      "tiny-neox", "GPT-NeoX: halves side by side through two norms, part of a head turns", width: 30,
      huggingFaceJSON: """
        {"model_type": "gpt_neox", "vocab_size": 61, "hidden_size": 30, "num_hidden_layers": 2,
         "num_attention_heads": 3, "intermediate_size": 41, "rotary_pct": 0.4, "rotary_emb_base": 100,
         "max_position_embeddings": 64}
        """),
    Preset(
      "tiny-neox-sequence", "GPT-NeoX: halves in sequence, tied, no biases in attention", width: 28,
      huggingFaceJSON: """
        {"model_type": "gpt_neox", "vocab_size": 53, "hidden_size": 28, "num_hidden_layers": 2,
         "num_attention_heads": 2, "intermediate_size": 39, "rotary_pct": 1.0, "layer_norm_eps": 1e-3,
         "use_parallel_residual": false, "attention_bias": false, "tie_word_embeddings": true,
         "hidden_act": "gelu_fast", "max_position_embeddings": 64}
        """),
    Preset(
      "tiny-gptj",
      "GPT-J: halves side by side through one norm, neighbouring columns turn, logits with biases",
      width: 30,
      huggingFaceJSON: """
        {"model_type": "gptj", "vocab_size": 59, "n_embd": 30, "n_layer": 2, "n_head": 3, "n_inner": 41,
         "rotary_dim": 6}
        """),
    Preset(
      "tiny-gptj-tied", "GPT-J: whole heads turn, tied, ReLU²", width: 36,
      huggingFaceJSON: """
        {"model_type": "gptj", "vocab_size": 47, "n_embd": 36, "n_layer": 2, "n_head": 3, "n_inner": 37,
         "rotary_dim": 12, "tie_word_embeddings": true, "activation_function": "relu2",
         "layer_norm_epsilon": 1e-3}
        """),
    Preset(
      "tiny-phi", "Phi-2: halves side by side through one norm, every product with a bias", width: 30,
      huggingFaceJSON: """
        {"model_type": "phi", "vocab_size": 61, "hidden_size": 30, "num_hidden_layers": 2,
         "num_attention_heads": 3, "intermediate_size": 43, "partial_rotary_factor": 0.4, "rope_theta": 100}
        """),
    Preset(
      "tiny-phi-norms", "Phi: normalised heads, two queries to a key", width: 32,
      huggingFaceJSON: """
        {"model_type": "phi", "vocab_size": 53, "hidden_size": 32, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 39, "qk_layernorm": true,
         "layer_norm_eps": 1e-3}
        """),
    Preset(
      "tiny-falcon", "Falcon 7B: one head of keys, halves side by side through one norm", width: 30,
      huggingFaceJSON: """
        {"model_type": "falcon", "vocab_size": 59, "hidden_size": 30, "num_hidden_layers": 2,
         "num_attention_heads": 5, "ffn_hidden_size": 43, "rope_theta": 100}
        """),
    Preset(
      "tiny-falcon-groups", "Falcon 40B: keys stored with the queries that share them, two norms, biases",
      width: 36,
      huggingFaceJSON: """
        {"model_type": "falcon", "vocab_size": 61, "hidden_size": 36, "num_hidden_layers": 2,
         "num_attention_heads": 6, "num_kv_heads": 2, "new_decoder_architecture": true, "bias": true,
         "ffn_hidden_size": 39, "tie_word_embeddings": false}
        """),
    Preset(
      "tiny-starcoder2", "StarCoder2: a window, three queries to a key, every product with a bias", width: 30,
      huggingFaceJSON: """
        {"model_type": "starcoder2", "vocab_size": 59, "hidden_size": 30, "num_hidden_layers": 2,
         "num_attention_heads": 3, "num_key_value_heads": 1, "intermediate_size": 41, "sliding_window": 7,
         "rope_theta": 100, "max_position_embeddings": 64}
        """),
    Preset(
      "tiny-starcoder2-bare", "StarCoder2: no window, no biases, untied", width: 28,
      huggingFaceJSON: """
        {"model_type": "starcoder2", "vocab_size": 53, "hidden_size": 28, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 37, "use_bias": false,
         "tie_word_embeddings": false, "norm_epsilon": 1e-3}
        """),
    Preset(
      "tiny-opt", "OPT: positions two rows late, ReLU", width: 30,
      huggingFaceJSON: """
        {"model_type": "opt", "vocab_size": 61, "hidden_size": 30, "num_hidden_layers": 2,
         "num_attention_heads": 5, "ffn_dim": 41, "max_position_embeddings": 32}
        """),
    Preset(
      "tiny-opt-post", "OPT-350m: norms behind the sums, a table narrower than the stream", width: 33,
      huggingFaceJSON: """
        {"model_type": "opt", "vocab_size": 59, "hidden_size": 33, "num_hidden_layers": 2,
         "num_attention_heads": 3, "ffn_dim": 39, "max_position_embeddings": 32, "word_embed_proj_dim": 19,
         "do_layer_norm_before": false}
        """),
    Preset(
      "tiny-bloom", "BLOOM: biased scores of six heads, a norm on the embedding", width: 30,
      huggingFaceJSON: """
        {"model_type": "bloom", "vocab_size": 61, "hidden_size": 30, "n_layer": 2, "n_head": 6}
        """),
    Preset(
      "tiny-bloom-norms", "BLOOM: norms are added to, twelve heads", width: 36,
      huggingFaceJSON: """
        {"model_type": "bloom", "vocab_size": 53, "hidden_size": 36, "n_layer": 2, "n_head": 12,
         "apply_residual_connection_post_layernorm": true, "tie_word_embeddings": false}
        """),
    Preset(
      "tiny-mpt", "MPT: biased scores of five heads, no bias anywhere else", width: 30,
      huggingFaceJSON: """
        {"model_type": "mpt", "vocab_size": 59, "d_model": 30, "n_layers": 2, "n_heads": 5}
        """),
    Preset(
      "tiny-mpt-clipped", "MPT: clipped projections, a factor of its own on scores, sixteen heads", width: 32,
      huggingFaceJSON: """
        {"model_type": "mpt", "vocab_size": 53, "d_model": 32, "n_layers": 2, "n_heads": 16,
         "attn_config": {"clip_qkv": 4.0, "softmax_scale": 0.4}}
        """),
    Preset(
      "tiny-imagegpt", "ImageGPT: norms without means, a logit less than the table has rows", width: 30,
      huggingFaceJSON: """
        {"model_type": "imagegpt", "vocab_size": 62, "n_embd": 30, "n_layer": 2, "n_head": 5, "n_positions": 32}
        """),
    Preset(
      "tiny-imagegpt-layers", "ImageGPT: scores divided by the layer's number too", width: 33,
      huggingFaceJSON: """
        {"model_type": "imagegpt", "vocab_size": 54, "n_embd": 33, "n_layer": 3, "n_head": 3, "n_inner": 39,
         "n_positions": 32, "scale_attn_by_inverse_layer_idx": true, "layer_norm_epsilon": 1e-3}
        """),
  ]
}
