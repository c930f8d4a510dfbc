import Foundation
import Testing
import TouchstoneConformance
import TouchstoneFamilies
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

/// The GPT-2 graph is the published model, step by step, written down here a second time.
///
/// Radford et al. 2019; names of Hugging Face's checkpoints.
@Suite struct GPT2GraphTests {
  private static let golden = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../golden")
    .standardizedFileURL

  /// Every bundled golden of the family.
  static let goldens: [String] = ["cases", "probes"].flatMap { name in
    let folder = golden.appendingPathComponent(name)
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return files.filter { $0.hasSuffix(".h5") }.sorted().map { folder.appendingPathComponent($0).path }
      .filter { path in (try? Configuration(ActivationFile(path: path).graph)) != nil }
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
    try expectEqual(to: try Configuration(try ActivationFile(path: path).graph))
  }

  @Test(.clause("GRA-1", "GRA-3"), arguments: 0..<4) func theGraphOfAnotherModelIsItsList(index: Int) throws {
    try expectEqual(to: try Self.otherConfigurations()[index])
  }

  private func expectEqual(to configuration: Configuration) throws {
    let text = Data(configuration.huggingFaceJSON.utf8)
    let architecture = try Architecture(huggingFaceJSON: text, file: "config.json")
    #expect(architecture.family.name == "gpt2")
    let graph = architecture.graph
    let list = List(configuration)
    #expect(graph.operations.count == list.operations.count)
    for (operation, expected) in zip(graph.operations, list.operations) {
      #expect(operation == expected.operation)
      for tokenCount in [1, configuration.contextLength] {
        let shape = graph.shape(of: operation.output, tokenCount: tokenCount)
        #expect(shape == expected.shape(tokenCount), "\(operation.output)")
      }
    }
    #expect(graph.parameters == list.parameters)
    #expect(graph.parameterCount == list.parameters.reduce(0) { $0 + $1.shape.reduce(1, *) })
    #expect(graph.results.logits?.path == "final/logits" && graph.probabilities?.path == "final/probs")
    for layer in 0..<configuration.layerCount {
      for (cache, activation) in [("k_cache", "k"), ("v_cache", "v")] {
        let block = Activation.Block(layer)
        #expect(graph.cached[Activation(cache, in: block)] == Activation(activation, in: block))
      }
    }
  }

  /// A golden holds what the reference computed when it was recorded, in float64: every third, all with `TOUCHSTONE_EXHAUSTIVE=1`.
  @Test(.clause("NUM-5"), arguments: everyday(goldens, each: 3)) func theReferenceGivesTheRecordedBits(
    path: String
  ) throws {
    let file = try ActivationFile(path: path)
    let weights = try WeightsFinder().weights(for: file)
    var count = 0
    try ReferenceTransformer(weights).forward(file.inputs) { activation, value in
      let recorded = try #require(try file.tensor(activation), "\(activation)")
      #expect(file.storedType(of: activation) == .float64)
      #expect(value.values.map(\.bitPattern) == recorded.values.map(\.bitPattern), "\(activation)")
      count += 1
    }
    #expect(count == weights.graph.operations.count)
  }
}

/// The operations as the papers and the names of Hugging Face's checkpoints give them.
private struct List {
  private(set) var operations: [(operation: TouchstoneGraph.Operation, shape: (Int) -> [Int])] = []
  private(set) var parameters: [Parameter] = []

  init(_ c: Configuration) {
    let (width, vocabulary) = (c.width, c.vocabularySize)
    let norm = TouchstoneGraph.Operation.Kind.layerNorm(LayerNorm(epsilon: c.layerNormEpsilon))
    let stream: (Int) -> [Int] = { [$0, width] }
    let table = parameter("transformer.wte.weight", [vocabulary, width])
    let positions = parameter("transformer.wpe.weight", [c.contextLength, width])
    add("embed/token", .embedding(Embedding(.tokenIDs)), [], [ParameterView(table)], stream)
    add("embed/position", .embedding(Embedding(.positionIDs)), [], [ParameterView(positions)], stream)
    add("embed/sum", .sum(Sum()), ["embed/token", "embed/position"], [], stream)
    for layer in 0..<c.layerCount {
      let zeros = layer < 10 ? "00" : "0"
      let at = "layers/\(zeros)\(layer)/"
      let before = layer == 0 ? "embed/sum" : "layers/\(layer <= 10 ? "00" : "0")\(layer - 1)/resid_out"
      let root = "transformer.h.\(layer)."
      add(at + "resid_in", .identity(Identity()), [before], [], stream)
      add(at + "ln_1", norm, [at + "resid_in"], gains(root + "ln_1", width), stream)
      let joint = matrix(root + "attn.c_attn", width, 3 * width)
      let heads: (Int) -> [Int] = { [c.headCount, $0, width / c.headCount] }
      for (part, name) in ["q", "k", "v"].enumerated() {
        let views = joint.map { ParameterView($0.parameter, $0.layout, .part(part, of: 3)) }
        add(at + name, .linear(Linear(heads: c.headCount)), [at + "ln_1"], views, heads)
      }
      let pairs: (Int) -> [Int] = { [c.headCount, $0, $0] }
      let divisor = (c.scalesScores ? Double(width / c.headCount).squareRoot() : 1)
      let scale = 1 / divisor / (c.scalesScoresByLayer ? Double(layer + 1) : 1)
      add(at + "attn_scores", .scores(AttentionScores(scale: scale)), [at + "q", at + "k"], [], pairs)
      add(at + "attn_probs", .probabilities(AttentionProbabilities()), [at + "attn_scores"], [], pairs)
      add(at + "attn_context", .context(AttentionContext()), [at + "attn_probs", at + "v"], [], stream)
      add(
        at + "attn_out", .linear(Linear()), [at + "attn_context"], matrix(root + "attn.c_proj", width, width),
        stream)
      add(at + "resid_mid", .sum(Sum()), [at + "resid_in", at + "attn_out"], [], stream)
      add(at + "ln_2", norm, [at + "resid_mid"], gains(root + "ln_2", width), stream)
      let inner = c.feedForwardWidth
      let hidden: (Int) -> [Int] = { [$0, inner] }
      add(at + "mlp_pre", .linear(Linear()), [at + "ln_2"], matrix(root + "mlp.c_fc", width, inner), hidden)
      let function = ActivationFunction(c.activationFunction)
      add(at + "mlp_act", .activationFunction(function), [at + "mlp_pre"], [], hidden)
      add(
        at + "mlp_out", .linear(Linear()), [at + "mlp_act"], matrix(root + "mlp.c_proj", inner, width), stream
      )
      add(at + "resid_out", .sum(Sum()), [at + "resid_mid", at + "mlp_out"], [], stream)
    }
    let last = operations[operations.count - 1].operation.output.path
    add("final/ln_f", norm, [last], gains("transformer.ln_f", width), stream)
    let head = c.tiesEmbeddings ? table : parameter("lm_head.weight", [vocabulary, width])
    let words: (Int) -> [Int] = { [$0, vocabulary] }
    add("final/logits", .linear(Linear()), ["final/ln_f"], [ParameterView(head)], words)
    add("final/probs", .softmax(Softmax()), ["final/logits"], [], words)
  }

  private mutating func add(
    _ path: String, _ kind: TouchstoneGraph.Operation.Kind, _ inputs: [String], _ views: [ParameterView],
    _ shape: @escaping (Int) -> [Int]
  ) {
    operations.append((.init(kind, activation(path), from: inputs.map(activation), with: views), shape))
  }

  private func activation(_ path: String) -> Activation {
    guard let activation = Activation(path: path) else { preconditionFailure("\(path) is no name") }
    return activation
  }

  private mutating func parameter(_ name: String, _ shape: [Int]) -> Parameter {
    parameters.append(Parameter(name, shape))
    return Parameter(name, shape)
  }

  /// Gain and shift of a norm.
  private mutating func gains(_ module: String, _ width: Int) -> [ParameterView] {
    [".weight", ".bias"].map { ParameterView(parameter(module + $0, [width])) }
  }

  /// Matrix, [in, out], and bias of a product.
  private mutating func matrix(_ module: String, _ inputs: Int, _ outputs: Int) -> [ParameterView] {
    [
      ParameterView(parameter(module + ".weight", [inputs, outputs]), .inputsFirst),
      ParameterView(parameter(module + ".bias", [outputs])),
    ]
  }
}
