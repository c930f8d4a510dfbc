import Foundation
import Testing
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel

@testable import TouchstoneGolden

/// A folder that is removed with its last user.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "touchstone-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }
}

/// The generator of the sampling chapter (Steele, Lea & Flood 2014), for reproducible test data.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}

/// A small model with numbers of no meaning, enough for a file.
struct Sample {
  let configuration: Configuration
  let inputs: Inputs
  let weights: Weights
  var tensors: [(activation: Activation, tensor: Tensor<Double>)] = []

  init(
    tokenCount: Int = 3, width: Int = 4, heads: Int = 2, layers: Int = 2, vocabulary: Int = 7,
    mask: [Bool]? = nil, seed: UInt64 = 1
  ) throws {
    configuration = try Configuration(
      vocabularySize: vocabulary, contextLength: max(tokenCount, 5), width: width, layerCount: layers,
      headCount: heads, feedForwardWidth: width + 1)
    var generator = SplitMix(state: seed)
    let ids = (0..<tokenCount).map { _ in Int.random(in: 0..<vocabulary, using: &generator) }
    inputs = try Inputs(tokenIDs: ids, attentionMask: mask, configuration: configuration)
    var stored: [String: StoredTensor] = [:]
    for parameter in configuration.parameters {
      stored[parameter.name] = StoredTensor(
        Self.random(parameter.shape, &generator).converted(to: Float.self))
    }
    weights = try Weights(configuration: configuration, tensors: stored)
    let graph = configuration.graph
    for operation in graph.operations {
      let shape = try #require(graph.shape(of: operation.output, tokenCount: tokenCount))
      tensors.append((operation.output, Self.random(shape, &generator)))
    }
  }

  static func random(_ shape: [Int], _ generator: inout SplitMix) -> Tensor<Double> {
    Tensor((0..<shape.reduce(1, *)).map { _ in .random(in: -2...2, using: &generator) }, shape: shape)
  }

  static let provenance = [
    "producer": "touchstone", "producer_version": "0.1", "implementation": "test", "precision": "float64",
  ]

  @discardableResult
  func write(
    _ path: String, kind: ActivationFile.Kind = .golden, overwrite: Bool = false, writesDigest: Bool? = nil,
    embedsWeights: Bool = true
  ) throws -> String {
    let writer = try ActivationFileWriter(
      path: path, kind: kind, configuration: configuration, inputs: inputs,
      weightsDigest: WeightsDigest.of(weights), provenance: Self.provenance, overwrite: overwrite,
      writesDigest: writesDigest)
    for (activation, tensor) in tensors { try writer.write(activation, tensor) }
    if embedsWeights { try writer.writeWeights(weights) }
    try writer.finish()
    return path
  }
}
