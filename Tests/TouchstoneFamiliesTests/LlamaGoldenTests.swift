import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

/// The reference of a Llama graph against Hugging Face's own code in float64, tensor by tensor.
@Suite struct LlamaGoldenTests {
  private static let tolerance = 1e-12

  /// The fixtures, and whatever `make_llama.py` wrote into the folder that the environment names.
  static let files: [String] = {
    let more = ProcessInfo.processInfo.environment["TOUCHSTONE_LLAMA_GOLDENS"].map {
      URL(fileURLWithPath: $0)
    }
    return ([Fixture.folder] + (more.map { [$0] } ?? [])).flatMap { (try? Fixture.files(in: $0)) ?? [] }
  }()

  @Test func thereAreFixturesOfEveryScaling() throws {
    let types = try Self.files.map { path in
      let text = String(decoding: try Fixture(path).config("config_json"), as: UTF8.self)
      return ["default", "linear", "dynamic", "llama3", "yarn", "longrope"].first {
        text.contains("\"\($0)\"")
      }
    }
    #expect(Set(types).count == 6)
  }

  @Test(
    .clause(
      "RMS-1", "RMS-2", "ROP-1", "ROP-3", "ROP-5", "ROP-6", "ROP-7", "ROP-8", "ROP-9", "ROP-10", "ROP-11",
      "GQA-1", "GQA-2", "GLU-1", "GLU-2", "GLU-3", "GRA-3", "GRA-6"),
    arguments: files, ["config_json", "config_json_v4"])
  func everyActivationIsHuggingFaces(path: String, spelling: String) throws {
    let fixture = try Fixture(path)
    let architecture = try Architecture(huggingFaceJSON: fixture.config(spelling), file: path)
    let worst = try compare(fixture, with: try fixture.weights(architecture))
    if ProcessInfo.processInfo.environment["TOUCHSTONE_LLAMA_GOLDENS"] != nil {
      print("deviation", worst, path, spelling)
    }
  }

  @Test(.clause("GRA-7"), arguments: ["config.json", "config.v4.json"])
  func aGoldenOfTheFamilyIsMet(config: String) throws {
    let folder = Fixture.folder.appendingPathComponent("llama")
    let fixture = try Fixture(folder.appendingPathComponent("llama.h5").path)
    let text = try Data(contentsOf: folder.appendingPathComponent(config))
    let weights = try fixture.weights(try Architecture(huggingFaceJSON: text, file: config))
    try compare(fixture, with: weights)
  }

  /// Compares every dataset of a file in the golden layout.
  @discardableResult
  private func compare(_ fixture: Fixture, with weights: Weights) throws -> Double {
    let inputs = try fixture.inputs(weights.graph)
    var expected = try fixture.datasets(below: "").filter { path, _ in
      !["inputs/", "weights/", "float32/", "provenance/"].contains(where: path.hasPrefix)
    }
    // Hugging Face averages all keys where a token sees none; ATT-14 says 0.
    let blind = Set(
      (0..<inputs.count).filter { query in
        !(0...query).contains { inputs.isVisible(key: $0, from: query, under: .causal) }
      })
    var worst = 0.0
    try Executor(weights, inputs).run { activation, value in
      let found = expected.removeValue(forKey: activation.path)
      let dataset = try #require(found, "\(activation)")
      let axes = try #require(weights.graph.axes(of: activation))
      #expect(value.shape == axes.shape(tokenCount: inputs.count))
      let deviation = deviation(
        value, from: try fixture.tensor(dataset).float64(), axes: axes, skippedTokens: blind)
      #expect(deviation <= Self.tolerance, "\(activation): \(deviation) of the greatest magnitude")
      worst = max(worst, deviation)
    }
    #expect(expected.isEmpty, "not compared: \(expected.keys.sorted())")
    return worst
  }

  /// The model of `llama-odd-a`, recorded under other names.
  @Test(.clause("GRA-7", "RMS-1", "ROP-1", "GQA-1", "GLU-1"), arguments: ["T1", "T5", "T13"])
  func anOddModelIsHuggingFaces(group: String) throws {
    let folder = Fixture.folder.appendingPathComponent("llama-odd-a")
    let weights = try Checkpoint(directory: folder).weights
    let fixture = try Fixture(folder.appendingPathComponent("llama-odd-a.h5").path)
    let inputs = try Inputs(tokenIDs: try fixture.integers(at: "\(group)/tokens"), graph: weights.graph)
    var expected = try fixture.datasets(below: "\(group)/f64").filter { !$0.key.hasPrefix("rope/") }
    expected["final/nll"] = nil
    try Executor(weights, inputs).run { activation, value in
      let path = Self.oldPath(of: activation)
      let found = expected.removeValue(forKey: path)
      let dataset = try #require(found, "\(path)")
      let deviation = deviation(
        value, from: try fixture.tensor(dataset).float64(), axes: [], skippedTokens: [])
      #expect(deviation <= Self.tolerance, "\(activation): \(deviation) of the greatest magnitude")
    }
    #expect(expected.isEmpty, "not compared: \(expected.keys.sorted())")
  }

  private static func oldPath(of activation: Activation) -> String {
    let names = [
      "ln_1": "attn_norm", "ln_2": "ffn_norm", "mlp_gated": "mlp_hidden", "final/ln_f": "final/norm",
    ]
    let name = names[activation.name] ?? activation.name
    return activation.block.map { "layer_\($0.index)/\(name)" } ?? name
  }

  /// A wrong graph must not pass the comparison: each change of one number shows.
  @Test(arguments: [
    "\"factor\": 8.0|\"factor\": 8.1", "\"rope_theta\": 500.0|\"rope_theta\": 510.0",
    "\"low_freq_factor\": 1.0|\"low_freq_factor\": 1.1",
    "\"high_freq_factor\": 4.0|\"high_freq_factor\": 4.1",
    "\"original_max_position_embeddings\": 64|\"original_max_position_embeddings\": 65",
    "\"rms_norm_eps\": 1e-05|\"rms_norm_eps\": 2e-05",
  ])
  func aWrongNumberIsFound(change: String) throws {
    let fixture = try Fixture(named: "llama3-biases.h5")
    let text = String(decoding: try fixture.config("config_json"), as: UTF8.self)
    let words = change.split(separator: "|").map(String.init)
    #expect(text.contains(words[0]))
    let wrong = text.replacingOccurrences(of: words[0], with: words[1])
    let architecture = try Architecture(huggingFaceJSON: Data(wrong.utf8), file: "wrong")
    let weights = try fixture.weights(architecture)
    let inputs = try Inputs(tokenIDs: try fixture.integers(at: "inputs/token_ids"), graph: weights.graph)
    let logits = try #require(try fixture.reader.dataset(at: "final/logits"))
    try Executor(weights, inputs).run { activation, value in
      guard activation.name == "final/logits" else { return }
      let expected = try fixture.tensor(logits).float64()
      #expect(!(deviation(value, from: expected, axes: [], skippedTokens: []) <= Self.tolerance))
    }
  }
}
