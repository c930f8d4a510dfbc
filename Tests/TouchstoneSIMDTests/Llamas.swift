import Foundation
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

extension Case {
  /// A Llama whose fields are these, and else small and odd.
  static func llama(
    _ name: String, _ seed: UInt64, tokens: Int, masked: [Int] = [], positions: [Int]? = nil,
    _ fields: [String: Any] = [:]
  ) throws -> Case {
    let small: [String: Any] = [
      "model_type": "llama", "vocab_size": 83, "hidden_size": 30, "num_hidden_layers": 2,
      "num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 8, "intermediate_size": 37,
      "rms_norm_eps": 1e-5, "max_position_embeddings": 128,
    ]
    let json = try JSONSerialization.data(withJSONObject: small.merging(fields) { $1 })
    return Case(
      name: "Llama, \(name)", graph: try Architecture(huggingFaceJSON: json, file: name).graph, seed: seed,
      tokenCount: tokens, masked: masked, positions: positions)
  }

  /// A Llama of a shape without a round number in it.
  static func oddLlama(seed: UInt64) throws -> Case {
    var generator = SeededGenerator(seed: seed &* 0x2545_f491_4f6c_dd1d)
    func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
    let keyHeads = pick(1...3)
    let functions = ["silu", "gelu", "gelu_new", "relu", "relu2", "quick_gelu", "sigmoid"]
    return try llama(
      "odd shape", seed, tokens: pick(1...80),
      [
        "vocab_size": pick(2...300), "hidden_size": pick(1...90), "num_hidden_layers": pick(1...3),
        "num_attention_heads": keyHeads * pick(1...4), "num_key_value_heads": keyHeads,
        "head_dim": 2 * pick(1...20), "intermediate_size": pick(1...100),
        "hidden_act": functions[pick(0...6)], "tie_word_embeddings": pick(0...1) == 0,
        "attention_bias": pick(0...1) == 0, "mlp_bias": pick(0...1) == 0,
      ])
  }
}

/// Llamas with shapes around the edges of every loop, and every way to stretch positions.
let llamas: [Case] = {
  func scaled(_ type: String, _ fields: [String: Any]) -> [String: Any] {
    ["rope_scaling": fields.merging(["rope_type": type]) { $1 }]
  }
  let pairs = (0..<4).map(Double.init)
  let all: [() throws -> Case] = [
    { try .llama("one token", 21, tokens: 1) },
    { try .llama("shared heads", 22, tokens: 37) },
    {
      try .llama(
        "one head of keys, masked", 23, tokens: 33, masked: [0, 1, 20],
        ["num_key_value_heads": 1, "attention_bias": true, "mlp_bias": true, "hidden_act": "gelu"])
    },
    {
      try .llama(
        "own positions, tied", 24, tokens: 67, positions: (0..<67).map { ($0 * 29 + 5) % 1001 },
        ["tie_word_embeddings": true, "hidden_act": "gelu_pytorch_tanh", "rope_theta": 500_000.0])
    },
    {
      try .llama(
        "whole panels", 25, tokens: 129,
        [
          "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
          "intermediate_size": 64,
        ])
    },
    {
      try .llama(
        "the least of everything", 26, tokens: 5,
        [
          "vocab_size": 2, "hidden_size": 1, "num_hidden_layers": 1, "num_attention_heads": 1,
          "num_key_value_heads": 1, "head_dim": 2, "intermediate_size": 1, "hidden_act": "relu",
        ])
    },
    { try .llama("linear", 27, tokens: 20, scaled("linear", ["factor": 3.0])) },
    {
      try .llama(
        "dynamic", 28, tokens: 40,
        scaled("dynamic", ["factor": 2.5]).merging(["max_position_embeddings": 16]) { $1 })
    },
    {
      try .llama(
        "llama3", 29, tokens: 20,
        scaled(
          "llama3",
          [
            "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
          ]))
    },
    {
      try .llama(
        "yarn", 30, tokens: 20,
        scaled("yarn", ["factor": 4.0, "original_max_position_embeddings": 32]))
    },
    {
      try .llama(
        "longrope", 31, tokens: 40,
        scaled(
          "longrope",
          [
            "factor": 4.0, "original_max_position_embeddings": 32, "short_factor": pairs.map { 1 + $0 / 8 },
            "long_factor": pairs.map { 2 + $0 },
          ]))
    },
    { try .llama("relu2", 32, tokens: 9, ["hidden_act": "relu2"]) },
    { try .llama("quick GELU", 33, tokens: 9, ["hidden_act": "quick_gelu"]) },
    { try .llama("sigmoid", 34, tokens: 9, ["hidden_act": "sigmoid"]) },
  ]
  return all.compactMap { try? $0() }
}()
