import Foundation
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

extension Case {
  /// An encoder-decoder whose fields are these, and else small and odd.
  static func encoderDecoder(
    _ family: String, _ name: String, _ seed: UInt64, tokens: Int, source: Int, masked: [Int] = [],
    maskedSource: [Int] = [], _ fields: [String: Any] = [:]
  ) throws -> Case {
    let small: [String: Any] = [
      "model_type": family, "vocab_size": 41, "d_model": 20, "num_layers": 2, "num_heads": 3, "d_kv": 7,
      "d_ff": 19, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 4,
      "decoder_attention_heads": 2, "encoder_ffn_dim": 19, "decoder_ffn_dim": 17,
      "max_position_embeddings": 128,
    ]
    let json = try JSONSerialization.data(withJSONObject: small.merging(fields) { $1 })
    return Case(
      name: "\(family), \(name)", graph: try Architecture(huggingFaceJSON: json, file: name).graph,
      seed: seed, tokenCount: tokens, masked: masked, sourceCount: source, maskedSource: maskedSource)
  }
}

/// A source longer than the answer and one shorter, over one tile of rows and several, masked or not.
let encoderDecoders: [Case] = {
  let all: [() throws -> Case] = [
    { try .encoderDecoder("t5", "one token each", 91, tokens: 1, source: 1) },
    {
      try .encoderDecoder(
        "t5", "gated, a long source", 92, tokens: 9, source: 70, maskedSource: [0, 33, 69],
        ["feed_forward_proj": "gated-gelu", "tie_word_embeddings": false])
    },
    {
      try .encoderDecoder(
        "t5", "a long answer, few buckets", 93, tokens: 67, source: 5, masked: [3],
        ["relative_attention_num_buckets": 8, "relative_attention_max_distance": 20])
    },
    {
      try .encoderDecoder(
        "bart", "scaled", 94, tokens: 33, source: 40, maskedSource: [38, 39], ["scale_embedding": true])
    },
    { try .encoderDecoder("bart", "whole heads", 95, tokens: 12, source: 33, ["d_model": 64]) },
    {
      try .encoderDecoder(
        "marian", "two tables", 96, tokens: 34, source: 31,
        ["share_encoder_decoder_embeddings": false, "decoder_vocab_size": 37, "scale_embedding": true])
    },
  ]
  return all.compactMap { try? $0() }
}()
