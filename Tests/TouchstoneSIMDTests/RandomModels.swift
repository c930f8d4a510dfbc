import Foundation
import TouchstoneCheckpoints
import TouchstoneFamilies
import TouchstoneGraph
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

/// A small model of some shape, random unless it has a folder, and a sequence for it.
struct Case: Sendable, CustomStringConvertible {
  let name: String
  let graph: Graph
  let seed: UInt64
  var tokenCount: Int
  var masked: [Int] = []
  var positions: [Int]?
  var folder: URL?
  /// How many tokens the source has, in models that read one.
  var sourceCount = 0
  var maskedSource: [Int] = []
  /// What makes features of samples, in models that hear those.
  var frontEnd: FrontEnd?

  var description: String { "\(name), seed \(seed)" }

  var weights: Weights {
    get throws {
      guard let folder else { return try randomWeights(graph, seed: seed) }
      return try Checkpoint(directory: folder).weights
    }
  }

  var vocabularySize: Int { graph.idCount(of: .tokenIDs) ?? 1 }

  var tokens: [Int] {
    var generator = SeededGenerator(seed: seed ^ 0xabcdef)
    return (0..<tokenCount).map { _ in Int.random(in: 0..<vocabularySize, using: &generator) }
  }

  var inputs: Inputs {
    get throws { try inputs(tokenCount) }
  }

  /// The first `count` tokens.
  func inputs(_ count: Int) throws -> Inputs {
    if graph.readsArrays { return try Inputs(arrays: arrays(count), graph: graph) }
    let mask = masked.isEmpty ? nil : (0..<count).map { !masked.contains($0) }
    return try Inputs(
      tokenIDs: Array(tokens[..<count]), positionIDs: positions.map { Array($0[..<count]) },
      attentionMask: mask, source: source, graph: graph)
  }

  /// What a model is given that reads no ids.
  private func arrays(_ count: Int) -> [Input: Tensor<Float>] {
    var generator = SeededGenerator(seed: seed ^ 0x135790)
    var arrays: [Input: Tensor<Float>] = [:]
    for input in graph.arrays {
      let shape = graph.shape(of: Activation("inputs/" + input.rawValue), tokenCount: count) ?? []
      arrays[input] = Tensor(generator.floats(shape.reduce(1, *), 2), shape: shape)
    }
    return arrays
  }

  /// What the encoder reads; nil in a model without one.
  var source: Inputs? {
    get throws {
      guard graph.readsSource else { return nil }
      if let hearing = graph.hearing { return try Inputs.source(sound(of: hearing), graph: graph) }
      var generator = SeededGenerator(seed: seed ^ 0x123456)
      let count = graph.idCount(of: .encoderTokenIDs) ?? 1
      return try Inputs.source(
        tokenIDs: (0..<sourceCount).map { _ in Int.random(in: 0..<count, using: &generator) },
        attentionMask: maskedSource.isEmpty ? nil : (0..<sourceCount).map { !maskedSource.contains($0) },
        graph: graph)
    }
  }

  /// Whether the angle of a token depends on how long the sequence is.
  var dependsOnLength: Bool {
    graph.operations.contains { operation in
      // Distances are counted from the end.
      if case .alibi(let kind) = operation.kind { return kind.form == .mpt }
      guard case .rotate(let kind) = operation.kind else { return false }
      return switch kind.frequencies.scaling {
      case .dynamic, .longrope: true
      case .none, .linear, .llama3, .yarn, .proportional: false
      }
    }
  }

  /// The trained model of the checkout.
  static func trained(tokenCount: Int) throws -> Case {
    let checkout = URL(filePath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let folder = checkout.appending(path: "golden/models/shakespeare-gpt2")
    return Case(
      name: "the trained model", graph: try Architecture(directory: folder).graph, seed: 17,
      tokenCount: tokenCount, folder: folder)
  }

  /// A shape without a round number in it.
  static func odd(seed: UInt64) throws -> Case {
    var generator = SeededGenerator(seed: seed &* 0x5851_f42d_4c95_7f2d)
    func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
    let (heads, context) = (pick(1...5), pick(2...90))
    let functions: [ActivationFunction.Function] = [.geluTanh, .geluErf, .relu]
    let configuration = try Configuration(
      vocabularySize: pick(2...300), contextLength: context, width: heads * pick(1...35),
      layerCount: pick(1...3), headCount: heads, feedForwardWidth: pick(1...150),
      activationFunction: functions[pick(0...2)], tiesEmbeddings: pick(0...1) == 0,
      scalesScoresByLayer: pick(0...1) == 0)
    return Case(
      name: "odd shape", graph: configuration.graph, seed: seed, tokenCount: context - pick(0...1))
  }
}

/// Weights that let every part be seen: biases of about 0.1, gains around 1, scores well away from 0.
func randomWeights(_ graph: Graph, seed: UInt64) throws -> Weights {
  var generator = SeededGenerator(seed: seed)
  var tensors: [String: StoredTensor] = [:]
  for (parameter, purpose) in graph.purposes {
    let shape = parameter.shape
    let count = shape.reduce(1, *)
    let values: [Float] =
      switch purpose {
      case .gain(let neutral): generator.floats(count, 0.3).map { Float(neutral) + $0 }
      case .table: generator.floats(count)
      case .matrix: generator.floats(count, 2 / Float(shape.min() ?? 1).squareRoot())
      case .bias, .shift, .sink: generator.floats(count, 0.2)
      }
    tensors[parameter.name] = StoredTensor(Tensor(values, shape: shape))
  }
  return try Weights(graph: graph, names: TensorNames(root: ""), tensors: tensors)
}

/// Models of the GPT-2 form with shapes around the edges of every loop.
let cases: [Case] = {
  func make(
    _ name: String, _ seed: UInt64, vocabulary: Int, context: Int, width: Int, layers: Int = 2, heads: Int,
    inner: Int? = nil, _ function: ActivationFunction.Function = .geluTanh, ties: Bool = true,
    scales: Bool = true, scalesByLayer: Bool = false, tokens: Int, masked: [Int] = [],
    positions: [Int]? = nil
  ) -> Case? {
    guard
      let configuration = try? Configuration(
        vocabularySize: vocabulary, contextLength: context, width: width, layerCount: layers,
        headCount: heads, feedForwardWidth: inner, activationFunction: function, tiesEmbeddings: ties,
        scalesScores: scales, scalesScoresByLayer: scalesByLayer)
    else { return nil }
    return Case(
      name: name, graph: configuration.graph, seed: seed, tokenCount: tokens, masked: masked,
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

/// Models of every form.
let everyCase = [cases, llamas, others, experts, encoders, encoderDecoders, hearing, pictures].flatMap(\.self)
