import Foundation
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

extension Case {
  /// An encoder whose fields are these, and else small and odd.
  static func encoder(
    _ family: String, _ name: String, _ seed: UInt64, tokens: Int, masked: [Int] = [],
    _ fields: [String: Any] = [:]
  ) throws -> Case {
    let small: [String: Any] = [
      "model_type": family, "vocab_size": 41, "hidden_size": 20, "dim": 20, "num_hidden_layers": 2,
      "n_layers": 2,
      "num_attention_heads": 2, "n_heads": 2, "intermediate_size": 19, "hidden_dim": 19,
      "max_position_embeddings": 128,
    ]
    let json = try JSONSerialization.data(withJSONObject: small.merging(fields) { $1 })
    return Case(
      name: "\(family), \(name)", graph: try Architecture(huggingFaceJSON: json, file: name).graph,
      seed: seed,
      tokenCount: tokens, masked: masked)
  }
}

/// Every token sees all others, over one tile of rows and several, with and without a window.
let encoders: [Case] = {
  let all: [() throws -> Case] = [
    { try .encoder("bert", "one token", 81, tokens: 1, ["architectures": ["BertForPreTraining"]]) },
    {
      try .encoder(
        "bert", "all heads, masked", 82, tokens: 71, masked: [0, 40, 70],
        ["architectures": ["BertForPreTraining"]])
    },
    { try .encoder("bert", "pooled", 83, tokens: 33, ["architectures": ["BertModel"]]) },
    { try .encoder("roberta", "one type", 84, tokens: 32, ["type_vocab_size": 1]) },
    {
      try .encoder(
        "distilbert", "masked behind", 85, tokens: 40, masked: [38, 39], ["intermediate_size": NSNull()])
    },
    {
      try .encoder(
        "modernbert", "windows", 86, tokens: 67, masked: [3],
        ["local_attention": 9, "global_attn_every_n_layers": 2])
    },
    {
      try .encoder(
        "modernbert", "the least window", 87, tokens: 5,
        ["local_attention": 1, "hidden_size": 64, "num_attention_heads": 2])
    },
    { try .encoder("clip_text_model", "the greatest id", 88, tokens: 67, ["eos_token_id": 2]) },
    { try .encoder("clip_text_model", "an end, masked", 89, tokens: 33, masked: [32], ["eos_token_id": 7]) },
    {
      try .encoder(
        "clip_text_model", "the row alone", 90, tokens: 5, ["architectures": ["CLIPTextModel"]])
    },
  ]
  return all.compactMap { try? $0() }
}()
