import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneSIMD
import TouchstoneTestSupport
import TouchstoneVerdict

/// Right implementations of Llama, by others and by us, judged on the models that Hugging Face computed.
@Suite struct LlamaEngineTests {
  /// What Hugging Face's code computes in float32, eager attention, nothing lifted.
  @Test(.clause("NUM-4", "GRA-1"), arguments: LlamaGoldenTests.files)
  func huggingFacesFloat32IsConsistent(path: String) throws {
    let fixture = try Fixture(path)
    let weights = try Self.weights(fixture)
    let capture = try Self.capture(fixture, weights)
    #expect(capture.tensors.count == weights.graph.operations.count)
    try expectConsistent(capture, weights)
  }

  @Test(.clause("NUM-4", "GRA-1"), arguments: LlamaGoldenTests.files)
  func theFastImplementationIsConsistent(path: String) throws {
    let fixture = try Fixture(path)
    let weights = try Self.weights(fixture)
    let inputs = try fixture.inputs(weights.graph)
    // The one function that it has no kernel for is refused by name.
    let tanh = weights.graph.operations.first { $0.kind == ActivationFunction(.tanh).kind }
    if let tanh {
      let error = #expect(throws: BadInput.self) { try SIMDTransformer(weights: weights) }
      #expect(error?.place == tanh.output.path)
      return
    }
    let capture = try RecordedActivations(of: SIMDTransformer(weights: weights), inputs: inputs)
    try expectConsistent(capture, weights)
  }

  /// The same captures must not pass where the model's positions are not stretched, or its magnitude is not theirs.
  @Test(
    .clause("ROP-6", "ROP-7", "ROP-8", "ROP-9", "ROP-10", "ROP-11"),
    arguments: ["yarn", "longrope-long", "longrope-short", "llama3-biases", "dynamic-beyond", "linear-tied"])
  func anotherScalingIsFlagged(name: String) throws {
    let fixture = try Fixture(named: name + ".h5")
    let text = String(decoding: try fixture.config("config_json"), as: UTF8.self)
    let type = try #require(text.firstMatch(of: #/"rope_type": "(\w+)"/#)).output
    let wrong = text.replacingOccurrences(of: type.0, with: "\"rope_type\": \"default\"")
    let weights = try fixture.weights(try Architecture(huggingFaceJSON: Data(wrong.utf8), file: "config"))
    let verdict = try Judge(weights: weights).verdict(on: try Self.capture(fixture, weights))
    #expect(verdict.outcome == .mismatch)
    #expect(verdict.flagged.first?.activation == Activation("q_rope", in: .init(0)), "\(verdict.flagged)")
  }

  private static func weights(_ fixture: Fixture) throws -> Weights {
    try fixture.weights(try Architecture(huggingFaceJSON: fixture.config("config_json"), file: "config"))
  }

  private static func capture(_ fixture: Fixture, _ weights: Weights) throws -> RecordedActivations {
    var capture = RecordedActivations(graph: weights.graph, inputs: try fixture.inputs(weights.graph))
    for (path, dataset) in try fixture.datasets(below: "float32") {
      let operation = weights.graph.operations.first { $0.output.path == path }
      capture.tensors[try #require(operation, "\(path)").output] = try fixture.tensor(dataset).float64()
    }
    return capture
  }

  private func expectConsistent(_ capture: RecordedActivations, _ weights: Weights) throws {
    let verdict = try Judge(weights: weights).verdict(on: capture)
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
  }
}
