import Foundation
import Testing
import TouchstoneConformance
import TouchstoneFamilies
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneReference
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

private typealias OldActivation = TouchstoneModel.Activation
private typealias OldKind = TouchstoneModel.Operation.Kind
private typealias NewActivation = TouchstoneGraph.Activation
private typealias NewKind = TouchstoneGraph.Operation.Kind

/// The GPT-2 graph is the list of operations that it will replace, entry by entry and bit by bit.
@Suite struct GPT2GraphTests {
  private static let golden = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../golden")
    .standardizedFileURL

  /// Every bundled golden.
  static let goldens: [String] = ["cases", "probes"].flatMap { name in
    let folder = golden.appendingPathComponent(name)
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return files.filter { $0.hasSuffix(".h5") }.sorted().map { folder.appendingPathComponent($0).path }
  }

  /// Shapes and choices that no bundled golden has.
  static func otherConfigurations() throws -> [Configuration] {
    try [
      Configuration(vocabularySize: 1, contextLength: 1, width: 1, layerCount: 1, headCount: 1),
      Configuration(
        vocabularySize: 7, contextLength: 5, width: 12, layerCount: 3, headCount: 4, feedForwardWidth: 5,
        activationFunction: .relu, layerNormEpsilon: 0, tiesEmbeddings: false, scalesScores: false,
        scalesScoresByLayer: true),
      Configuration(
        vocabularySize: 50_257, contextLength: 1024, width: 768, layerCount: 12, headCount: 12,
        activationFunction: .geluErf),
      Configuration(
        vocabularySize: 50_257, contextLength: 1024, width: 1600, layerCount: 48, headCount: 25),
    ]
  }

  @Test func thereAreBundledGoldens() { #expect(Self.goldens.count == 28) }

  @Test(.clause("GRA-1", "GRA-3"), arguments: goldens)
  func theGraphOfABundledGoldenIsItsList(path: String) throws {
    try expectEqual(to: try ActivationFile(path: path).configuration)
  }

  @Test(.clause("GRA-1", "GRA-3"), arguments: 0..<4) func theGraphOfAnotherModelIsItsList(index: Int) throws {
    try expectEqual(to: try Self.otherConfigurations()[index])
  }

  private func graph(_ configuration: Configuration) throws -> Graph {
    let text = Data(configuration.huggingFaceJSON.utf8)
    let architecture = try Architecture(huggingFaceJSON: text, file: "config.json")
    #expect(architecture.family.name == "gpt2")
    return architecture.graph
  }

  private func expectEqual(to configuration: Configuration) throws {
    let graph = try graph(configuration)
    let operations = configuration.operations
    #expect(graph.operations.count == operations.count)
    for (new, old) in zip(graph.operations, operations) {
      #expect(new.output.path == old.output.path)
      #expect(new.inputs.map(\.path) == old.inputs.map(\.path))
      #expect(new.parameters.map(\.parameter.name) == old.parameters.map(\.name))
      #expect(new.parameters.map(\.parameter.shape) == old.parameters.map(configuration.shape))
      expectEqual(new, old.kind, "\(old.output)")
    }
    #expect(graph.parameters.map(\.name) == configuration.parameters.map(\.name))
    #expect(graph.parameters.map(\.shape) == configuration.parameters.map(configuration.shape))
    #expect(graph.parameterCount == configuration.parameterCount)
    #expect(graph.results.logits?.path == OldActivation(.logits).path)
    for tokenCount in [1, configuration.contextLength] {
      for old in Self.activations(of: configuration) {
        let new = try #require(NewActivation(path: old.path))
        let shape = configuration.shape(of: old, tokenCount: tokenCount)
        #expect(graph.shape(of: new, tokenCount: tokenCount) == shape, "\(old)")
      }
    }
  }

  private static func activations(of configuration: Configuration) -> [OldActivation] {
    OldActivation.Point.allCases.flatMap { point in
      point.isPerLayer
        ? (0..<configuration.layerCount).map { OldActivation(point, layer: $0) } : [OldActivation(point)]
    }
  }

  /// Says in the new words what an old kind does, views of its parameters included.
  private func expectEqual(_ new: TouchstoneGraph.Operation, _ old: OldKind, _ place: Comment) {
    let whole = ParameterView.Selection.whole
    func expect(_ kind: NewKind, _ layout: ParameterView.Layout, _ selection: ParameterView.Selection) {
      #expect(new.kind == kind, place)
      for view in new.parameters {
        let isMatrix = view.parameter.shape.count == 2
        #expect(view.selection == selection, place)
        #expect(!isMatrix || view.layout == layout, place)
      }
    }
    switch old {
    case .tokenEmbedding: expect(Embedding(.tokenIDs).kind, .outputsFirst, whole)
    case .positionEmbedding: expect(Embedding(.positionIDs).kind, .outputsFirst, whole)
    case .sum: expect(Sum().kind, .outputsFirst, whole)
    case .identity: expect(Identity().kind, .outputsFirst, whole)
    case .layerNorm(let epsilon): expect(LayerNorm(epsilon: epsilon).kind, .outputsFirst, whole)
    case .linear: expect(Linear().kind, .inputsFirst, whole)
    case .headProjection(let part, let heads):
      expect(Linear(heads: heads).kind, .inputsFirst, .part(part, of: 3))
    case .attentionScores(let scale): expect(AttentionScores(scale: scale).kind, .outputsFirst, whole)
    case .maskedSoftmax: expect(AttentionProbabilities().kind, .outputsFirst, whole)
    case .attentionContext: expect(AttentionContext().kind, .outputsFirst, whole)
    case .activationFunction(.geluTanh):
      expect(TouchstoneGraph.ActivationFunction(.geluTanh).kind, .outputsFirst, whole)
    case .activationFunction(.geluErf):
      expect(TouchstoneGraph.ActivationFunction(.geluErf).kind, .outputsFirst, whole)
    case .activationFunction(.relu):
      expect(TouchstoneGraph.ActivationFunction(.relu).kind, .outputsFirst, whole)
    case .unembedding: expect(Linear().kind, .outputsFirst, whole)
    case .softmax: expect(Softmax().kind, .outputsFirst, whole)
    }
  }

  @Test(.clause("NUM-5"), arguments: goldens) func theReferenceGivesTheSameBits(path: String) throws {
    let file = try ActivationFile(path: path)
    let weights = try WeightsFinder().weights(for: file)
    var expected: [String: [UInt64]] = [:]
    ReferenceTransformer(weights).forward(file.inputs) { expected[$0.path] = $1.values.map(\.bitPattern) }

    let architecture = try Architecture(
      huggingFaceJSON: Data(file.configuration.huggingFaceJSON.utf8), file: path)
    let tensors = Dictionary(uniqueKeysWithValues: weights.stored.map { ($0.key.name, $0.value) })
    let same = try TouchstoneGraph.Weights(
      graph: architecture.graph, names: architecture.family.tensors, tensors: tensors)
    let inputs = try TouchstoneGraph.Inputs(
      tokenIDs: file.inputs.tokenIDs, positionIDs: file.inputs.positionIDs,
      attentionMask: file.inputs.attentionMask, graph: architecture.graph)
    Executor(same, inputs).run { activation, value in
      let bits = expected.removeValue(forKey: activation.path)
      #expect(value.values.map(\.bitPattern) == bits, "\(activation)")
    }
    #expect(expected.isEmpty)
  }
}
