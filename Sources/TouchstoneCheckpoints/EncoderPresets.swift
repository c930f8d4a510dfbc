import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

/// Small models with an encoder, one of each family: texts that are understood, translated, heard or found by a picture.
///
/// One block a stack, few units and hardly an extent a multiple of a vector's width; sources are of another length than
/// answers.
extension Preset {
  static let encoders = [
    Preset(
      "tiny-bert", "BERT: token types, norms behind the sums, every token seeing all, three heads behind it",
      width: 9,
      huggingFaceJSON: """
        {"model_type": "bert", "architectures": ["BertForPreTraining"], "vocab_size": 19, "hidden_size": 9,
         "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 11,
         "max_position_embeddings": 24, "layer_norm_eps": 1e-5}
        """),
    Preset(
      "tiny-roberta", "RoBERTa: positions counted over padding", width: 10,
      huggingFaceJSON: """
        {"model_type": "roberta", "vocab_size": 17, "hidden_size": 10, "num_hidden_layers": 1,
         "num_attention_heads": 2, "intermediate_size": 7, "max_position_embeddings": 24,
         "type_vocab_size": 1, "pad_token_id": 2, "layer_norm_eps": 1e-5, "hidden_act": "relu"}
        """),
    Preset(
      "tiny-distilbert", "DistilBERT: BERT's block without types", width: 9,
      huggingFaceJSON: """
        {"model_type": "distilbert", "vocab_size": 17, "dim": 9, "n_layers": 1, "n_heads": 3,
         "hidden_dim": 10, "max_position_embeddings": 24}
        """),
    Preset(
      "tiny-modernbert", "ModernBERT: rotations of two bases, a window to both sides in one block of two",
      width: 12,
      huggingFaceJSON: """
        {"model_type": "modernbert", "vocab_size": 17, "hidden_size": 12, "num_hidden_layers": 2,
         "num_attention_heads": 2, "intermediate_size": 7, "local_attention": 4, "global_rope_theta": 1000.0,
         "local_rope_theta": 50.0, "global_attn_every_n_layers": 2}
        """),
    Preset(
      "tiny-t5", "T5 1.1: biases by distance, gates, no scale on scores, attention to a source", width: 9,
      huggingFaceJSON: """
        {"model_type": "t5", "vocab_size": 17, "d_model": 9, "num_layers": 1, "num_heads": 2, "d_kv": 5,
         "d_ff": 7, "feed_forward_proj": "gated-gelu", "relative_attention_num_buckets": 6,
         "relative_attention_max_distance": 8, "layer_norm_epsilon": 1e-5, "tie_word_embeddings": false}
        """),
    Preset(
      "tiny-bart", "BART: norms behind the sums, attention to a source, positions two rows late", width: 9,
      huggingFaceJSON: """
        {"model_type": "bart", "vocab_size": 17, "d_model": 9, "encoder_layers": 1, "decoder_layers": 1,
         "encoder_attention_heads": 3, "decoder_attention_heads": 1, "encoder_ffn_dim": 7,
         "decoder_ffn_dim": 8, "max_position_embeddings": 24}
        """),
    Preset(
      "tiny-marian", "Marian: sines and cosines in halves, scaled embeddings, a table for each stack",
      width: 9,
      huggingFaceJSON: """
        {"model_type": "marian", "vocab_size": 17, "decoder_vocab_size": 15, "d_model": 9,
         "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 1,
         "decoder_attention_heads": 3, "encoder_ffn_dim": 7, "decoder_ffn_dim": 8, "scale_embedding": true,
         "share_encoder_decoder_embeddings": false, "activation_function": "swish"}
        """),
    Preset(
      "tiny-whisper", "Whisper: the bands of a sound through two convolutions, and what is written",
      width: 8, given: Given(.sound(FrontEnd(windowLength: 14, hop: 5), samples: 62, tokens: 6)),
      huggingFaceJSON: """
        {"model_type": "whisper", "vocab_size": 17, "d_model": 8, "num_mel_bins": 5, "encoder_layers": 1,
         "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 1,
         "encoder_ffn_dim": 7, "decoder_ffn_dim": 9, "max_source_positions": 7, "max_target_positions": 12}
        """),
    Preset(
      "tiny-clip-text", "the texts' half of CLIP: the row of the text's end, projected", width: 10,
      huggingFaceJSON: """
        {"model_type": "clip_text_model", "vocab_size": 17, "hidden_size": 10, "num_hidden_layers": 1,
         "num_attention_heads": 2, "intermediate_size": 7, "max_position_embeddings": 16,
         "eos_token_id": 3, "projection_dim": 7}
        """),
  ]
}
