import Foundation
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

extension Case {
  /// A model that hears, whose fields are these, and else small and odd.
  ///
  /// - Parameter frontEnd: what makes features of samples; nil where features are given.
  static func hearing(
    _ name: String, _ seed: UInt64, tokens: Int, masked: [Int] = [], frontEnd: FrontEnd? = nil,
    _ fields: [String: Any] = [:]
  ) throws -> Case {
    let small: [String: Any] = [
      "model_type": "whisper", "vocab_size": 41, "d_model": 20, "num_mel_bins": 5, "encoder_layers": 1,
      "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 2, "encoder_ffn_dim": 19,
      "decoder_ffn_dim": 17, "max_source_positions": 9, "max_target_positions": 128,
    ]
    let json = try JSONSerialization.data(withJSONObject: small.merging(fields) { $1 })
    let graph = try Architecture(huggingFaceJSON: json, file: name).graph
    return Case(
      name: "whisper, \(name)", graph: try graph.listening(by: frontEnd), seed: seed, tokenCount: tokens,
      masked: masked, frontEnd: frontEnd)
  }

  /// Features by lot; or samples of a tone and noise, a little less than the model hears, for bands by lot.
  func sound(of hearing: Graph.Hearing) -> Sound {
    var generator = SeededGenerator(seed: seed ^ 0x5eed)
    guard let frontEnd else {
      let shape = [hearing.mels, hearing.frames]
      return Sound(features: Tensor(generator.floats(hearing.mels * hearing.frames), shape: shape))
    }
    let noise = generator.floats(hearing.frames * frontEnd.hop - 3, 0.01)
    let shape = [frontEnd.frequencyCount, hearing.mels]
    let bands = generator.floats(shape[0] * shape[1]).map { Double(abs($0)) }
    return Sound(
      samples: noise.enumerated().map { 0.4 * sin(0.31 * Float($0)) + $1 },
      filters: Tensor(bands, shape: shape), frontEnd: frontEnd)
  }
}

/// Fewer moments than a tile of rows has and more, from features and from samples.
let hearing: [Case] = {
  let all: [() throws -> Case] = [
    { try .hearing("features", 97, tokens: 9) },
    { try .hearing("one moment", 98, tokens: 1, ["max_source_positions": 1, "num_mel_bins": 1]) },
    {
      try .hearing(
        "samples, a long sound", 99, tokens: 34, masked: [2], frontEnd: FrontEnd(windowLength: 20, hop: 7),
        ["max_source_positions": 37, "num_mel_bins": 8])
    },
    { try .hearing("wide", 100, tokens: 5, ["d_model": 64, "max_source_positions": 33]) },
  ]
  return all.compactMap { try? $0() }
}()
