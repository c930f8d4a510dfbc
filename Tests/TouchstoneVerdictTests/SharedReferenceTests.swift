import Testing
import TouchstoneCheckpoints
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

/// The reference on all cores gives the numbers of the reference alone.
@Suite struct SharedReferenceTests {
  /// Models of every family, and one whose products are cut into several pieces.
  private static let presets = Preset.all.map(\.name).filter { $0.hasPrefix("tiny-") }

  private func expectSame(_ weights: Weights, _ inputs: Inputs) {
    var alone: [(String, [Double])] = []
    ReferenceTransformer(weights).forward(inputs) { alone.append(($0.path, $1.values)) }
    var shared: [(String, [Double])] = []
    SharedReference(weights).forward(inputs) { shared.append(($0.path, $1.values)) }
    #expect(alone.map(\.0) == shared.map(\.0))
    for (one, other) in zip(alone, shared) {
      #expect(one.1.map(\.bitPattern) == other.1.map(\.bitPattern), "\(one.0)")
    }
  }

  @Test(.clause("NUM-19"), arguments: presets)
  func everyNumberIsThatOfTheReferenceAlone(_ preset: String) throws {
    let preset = try Preset.named(preset)
    let weights = try Synthesizer.weights(preset).listening(by: preset.frontEnd)
    let ids = (0..<7).map { ($0 * 5 + 1) % (weights.graph.idCount(of: .tokenIDs) ?? 1) }
    let inputs =
      try Synthesizer.inputs(of: preset)
      ?? Inputs(
        tokenIDs: ids,
        source: weights.graph.readsSource ? Inputs.source(tokenIDs: ids, graph: weights.graph) : nil,
        graph: weights.graph)
    expectSame(weights, inputs)
  }

  /// Outputs, queries split into heads and a vocabulary that are no multiple of a piece.
  @Test(.clause("NUM-19"), arguments: [1, 5])
  func widePiecesAreNoOtherNumbers(tokens: Int) throws {
    let configuration = try Configuration(
      vocabularySize: 391, contextLength: 8, width: 132, layerCount: 1, headCount: 3)
    let weights = try Synthesizer.weights(configuration: configuration)
    expectSame(
      weights, try Inputs(tokenIDs: (0..<tokens).map { $0 * 71 }, configuration: configuration))
  }

  /// The floor of what stands before does not depend on what comes after.
  @Test(.clause("NUM-19")) func aShardStopsBehindItsLastOperation() throws {
    let weights = try Synthesizer.weights(Preset.named("tiny-layer-scale"))
    let inputs = try Inputs(tokenIDs: [1, 2, 3, 4], graph: weights.graph)
    let layers = try #require(LayerRange(1..<2))
    var all: [Activation: Tensor<Double>] = [:]
    var some: [Activation] = []
    let floors = NoiseFloor.measured(weights, inputs: inputs) { all[$0] = $1 }
    let ofShard = NoiseFloor.measured(weights, inputs: inputs, through: layers) {
      #expect(all[$0] == $1)
      some.append($0)
    }
    #expect(some.last?.path == "layers/001/resid_out")
    #expect(ofShard.allSatisfy { floors[$0.key] == $0.value })
    #expect(ofShard.count == some.count)
  }
}
