import TouchstoneModel

/// Uniform numbers from a seed (SplitMix64), the same on every machine.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// A float32 in −magnitude ..< magnitude.
  mutating func float(_ magnitude: Float = 1) -> Float {
    (Float(next() >> 40) * 0x1p-23 - 1) * magnitude
  }

  mutating func floats(_ count: Int, _ magnitude: Float = 1) -> [Float] {
    (0..<count).map { _ in float(magnitude) }
  }
}

/// A small model of some shape, and a sequence for it.
struct Case: Sendable, CustomStringConvertible {
  let name: String
  let configuration: Configuration
  let seed: UInt64
  var tokenCount: Int
  var masked: [Int] = []
  var positions: [Int]?

  var description: String { "\(name), seed \(seed)" }

  var weights: Weights {
    get throws { try randomWeights(configuration, seed: seed) }
  }

  var tokens: [Int] {
    var generator = SeededGenerator(seed: seed ^ 0xabcdef)
    return (0..<tokenCount).map { _ in Int.random(in: 0..<configuration.vocabularySize, using: &generator) }
  }

  var inputs: Inputs {
    get throws {
      let mask = masked.isEmpty ? nil : (0..<tokenCount).map { !masked.contains($0) }
      return try Inputs(
        tokenIDs: tokens, positionIDs: positions, attentionMask: mask, configuration: configuration)
    }
  }
}

/// Weights that let every part be seen: biases of about 0.1, gains around 1, scores well away from 0.
func randomWeights(_ configuration: Configuration, seed: UInt64) throws -> Weights {
  var generator = SeededGenerator(seed: seed)
  var tensors: [String: StoredTensor] = [:]
  for parameter in configuration.parameters {
    let shape = configuration.shape(of: parameter)
    let count = shape.reduce(1, *)
    var values: [Float]
    switch parameter.role {
    case .layerNorm1Weight, .layerNorm2Weight, .finalLayerNormWeight:
      values = generator.floats(count, 0.3).map { 1 + $0 }
    case .tokenEmbedding, .positionEmbedding:
      values = generator.floats(count)
    default:
      values = generator.floats(count, shape.count == 1 ? 0.2 : 2 / Float(shape[0]).squareRoot())
    }
    tensors[parameter.name] = StoredTensor(Tensor(values, shape: shape))
  }
  return try Weights(configuration: configuration, tensors: tensors)
}

/// Shapes around the edges of every loop.
let cases: [Case] = {
  func make(
    _ name: String, _ seed: UInt64, vocabulary: Int, context: Int, width: Int, layers: Int = 2, heads: Int,
    inner: Int? = nil, _ function: ActivationFunction = .geluTanh, ties: Bool = true, scales: Bool = true,
    scalesByLayer: Bool = false, tokens: Int, masked: [Int] = [], positions: [Int]? = nil
  ) -> Case? {
    guard
      let configuration = try? Configuration(
        vocabularySize: vocabulary, contextLength: context, width: width, layerCount: layers,
        headCount: heads, feedForwardWidth: inner, activationFunction: function, tiesEmbeddings: ties,
        scalesScores: scales, scalesScoresByLayer: scalesByLayer)
    else { return nil }
    return Case(
      name: name, configuration: configuration, seed: seed, tokenCount: tokens, masked: masked,
      positions: positions)
  }
  let all = [
    make("one token", 1, vocabulary: 11, context: 4, width: 8, heads: 2, tokens: 1),
    make("head width 1, three token ids", 2, vocabulary: 3, context: 9, width: 3, heads: 3, tokens: 9),
    make(
      "five heads of seven, erf", 3, vocabulary: 211, context: 40, width: 35, heads: 5, inner: 53, .geluErf,
      ties: false, tokens: 37, masked: [4, 5, 20]),
    make("width 1", 4, vocabulary: 2, context: 5, width: 1, layers: 1, heads: 1, inner: 1, tokens: 5),
    make(
      "first keys masked", 5, vocabulary: 97, context: 33, width: 34, layers: 3, heads: 2, inner: 1, .relu,
      scales: false, tokens: 33, masked: [0, 1, 31]),
    make(
      "whole panels", 6, vocabulary: 64, context: 130, width: 64, heads: 2, scalesByLayer: true, tokens: 129),
    make(
      "primes, own positions", 7, vocabulary: 509, context: 101, width: 129, heads: 3, inner: 131,
      ties: false, tokens: 67, positions: (0..<67).map { ($0 * 29 + 5) % 101 }),
  ]
  return all.compactMap { $0 }
}()
