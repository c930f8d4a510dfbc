import Foundation
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// One of the random Llamas that the verdict's studies run on, with a sequence to run through it.
///
/// Everything that a `config.json` may say is drawn by the seed: how many heads share a key, heads wider and narrower than
/// D/H, every way to stretch rotary positions, biases, a separate unembedding, ε, the nonlinearity. Positions may begin far
/// out, and keys may be masked.
public struct RandomLlama: Sendable, CustomStringConvertible {
  /// How its weights are distributed.
  public let kind: SyntheticModel
  /// D.
  public let width: Int
  /// The seed of its shape, weights and sequence.
  public let seed: UInt64

  /// A model of this width, of the kind that the seed comes to.
  public init(kind: SyntheticModel? = nil, width: Int, seed: UInt64) {
    self.kind = kind ?? SyntheticModel.allCases[Int(seed % UInt64(SyntheticModel.allCases.count))]
    self.width = width
    self.seed = seed
  }

  /// Three of every kind, of two or three layers and widths from 35 to 160.
  public static func all(seed: UInt64) -> [RandomLlama] {
    SyntheticModel.allCases.flatMap { kind in
      (0..<3).map { RandomLlama(kind: kind, width: 35 + Int(seed * 41 + UInt64($0) * 53) % 126, seed: seed) }
    }
  }

  /// One of every kind.
  public static func oneOfEachKind(seed: UInt64) -> [RandomLlama] {
    SyntheticModel.allCases.enumerated().map { index, kind in
      RandomLlama(kind: kind, width: 35 + Int(seed * 29 + UInt64(index) * 11) % 30, seed: seed)
    }
  }

  /// Kind, width and seed.
  public var description: String { "Llama, \(kind), width \(width), seed \(seed)" }

  /// Whether it is of a real model's width, and has one layer.
  private var isWide: Bool { width > 200 }

  /// What everything is drawn from.
  private var source: SplitMix64 {
    SplitMix64(seed: seed &* 0x2545_f491_4f6c_dd1d &+ UInt64(width) &* 31 &+ UInt64(kind.rawValue.utf8.count))
  }

  /// What its `config.json` says.
  ///
  /// - Throws: `BadInput` never: these fields agree.
  public func architecture() throws -> Architecture {
    var random = source
    func pick<Value>(_ values: [Value]) -> Value { values[Int(random.next() % UInt64(values.count))] }
    let headWidth = isWide ? pick([64, 128]) : 2 * pick(Array(2...16))
    let keyHeads = isWide ? pick([1, 2, 4]) : pick([1, 2, 3])
    let heads = isWide ? width / 128 / 4 * 4 + 4 : keyHeads * pick([1, 2, 3])
    let positions = pick([64, 512, 8192])
    let text = """
      {"model_type": "llama", "vocab_size": \(pick([67, 101, 257])), "hidden_size": \(width),
       "num_hidden_layers": \(isWide ? 1 : 2 + Int(seed % 2)), "num_attention_heads": \(heads),
       "num_key_value_heads": \(keyHeads), "head_dim": \(headWidth),
       "intermediate_size": \(isWide ? width * 11 / 4 : width + pick(Array(1...100))),
       "rms_norm_eps": \(pick([1e-6, 1e-5, 1e-3])), "attention_bias": \(pick([true, false])),
       "mlp_bias": \(pick([true, false])), "tie_word_embeddings": \(pick([true, false])),
       "hidden_act": "\(pick(["silu", "silu", "silu", "gelu", "gelu_pytorch_tanh"]))",
       "max_position_embeddings": \(positions), "rope_theta": \(pick([100.0, 10_000, 500_000, 5e6])),
       "rope_scaling": \(scaling(pairs: headWidth / 2, original: positions / pick([1, 4]), pick: pick([0, 1, 2, 3, 4, 5]), factor: pick([1.5, 4, 32])))}
      """
    return try Architecture(huggingFaceJSON: Data(text.utf8), file: "\(self)")
  }

  private func scaling(pairs: Int, original: Int, pick type: Int, factor: Double) -> String {
    func list(_ value: (Int) -> Double) -> String { "\((0..<pairs).map(value))" }
    let trained = "\"original_max_position_embeddings\": \(original)"
    switch type {
    case 0: return "null"
    case 1: return "{\"rope_type\": \"linear\", \"factor\": \(factor)}"
    case 2: return "{\"rope_type\": \"dynamic\", \"factor\": \(factor)}"
    case 3:
      return """
        {"rope_type": "llama3", "factor": \(factor), "low_freq_factor": 1.0, "high_freq_factor": 4.0, \(trained)}
        """
    case 4: return "{\"rope_type\": \"yarn\", \"factor\": \(factor), \"beta_fast\": 8.0, \(trained)}"
    default:
      return """
        {"rope_type": "longrope", "factor": \(factor), "short_factor": \(list { 1 + Double($0) / 16 }),
         "long_factor": \(list { 1 + Double($0) / 3 }), \(trained)}
        """
    }
  }

  /// The weights.
  ///
  /// - Throws: `BadInput` never: these shapes agree.
  public func weights() throws -> Weights {
    let architecture = try architecture()
    return try kind.weights(of: architecture.graph, names: architecture.family.tensors, seed: seed)
  }

  /// A sequence, one in two with some keys masked, one in two beginning far from position 0.
  ///
  /// - Throws: ``BadInput`` where the graph is another model's.
  public func inputs(_ graph: Graph) throws -> Inputs {
    var random = source
    for _ in 0..<40 { _ = random.next() }
    let count = 8 + Int(random.next() % (isWide ? 9 : 18))
    let first = [0, 0, 97, 5_003][Int(random.next() % 4)]
    let padding = Int(random.next() % 2) * Int(random.next() % 4)
    let isMasked = random.next() % 2 == 0
    return try Inputs(
      tokenIDs: (0..<count).map { _ in Int(random.next() % 61) },
      positionIDs: (0..<count).map { first + max($0 - padding, 0) },
      attentionMask: isMasked ? (0..<count).map { $0 >= padding && $0 % 7 != 5 } : nil, graph: graph)
  }
}
