import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

/// Loading a Llama folder: names, biases, buffers, ties.
@Suite struct FamilyCheckpointTests {
  private static func architecture(isTied: Bool = false) throws -> Architecture {
    let text = """
      {"model_type": "llama", "vocab_size": 5, "hidden_size": 4, "num_hidden_layers": 2, "num_attention_heads": 2,
       "intermediate_size": 3, "tie_word_embeddings": \(isTied)}
      """
    return try Architecture(huggingFaceJSON: Data(text.utf8), file: "config.json")
  }

  /// Every tensor that the graph needs, each filled with a number of its own.
  private static func tensors(_ graph: Graph) -> [String: StoredTensor] {
    Dictionary(
      uniqueKeysWithValues: graph.parameters.enumerated().map { index, parameter in
        (parameter.name, StoredTensor(Tensor<Float>(repeating: Float(index), shape: parameter.shape)))
      })
  }

  private static func weights(
    isTied: Bool = false, _ change: (inout [String: StoredTensor]) -> Void = { _ in }
  ) throws -> Weights {
    let architecture = try architecture(isTied: isTied)
    var tensors = tensors(architecture.graph)
    change(&tensors)
    return try Weights(graph: architecture.graph, names: architecture.family.tensors, tensors: tensors)
  }

  private static func tensor(_ shape: Int...) -> StoredTensor {
    StoredTensor(Tensor<Float>(repeating: 9, shape: shape))
  }

  @Test(.clause("GRA-7")) func aFolderIsLoaded() throws {
    let folder = Fixture.folder.appendingPathComponent("llama")
    let checkpoint = try Checkpoint(directory: folder)
    #expect(checkpoint.architecture.family.name == "llama")
    let golden = try Fixture(folder.appendingPathComponent("llama.h5").path).weights(checkpoint.architecture)
    for parameter in checkpoint.architecture.graph.parameters {
      #expect(checkpoint.weights.float64(parameter) == golden.float64(parameter))
    }
  }

  @Test(.clause("GRA-7")) func namesOfTheBareModelAreTheSame() throws {
    let whole = try Self.weights()
    let bare = try Self.weights { tensors in
      tensors = Dictionary(
        uniqueKeysWithValues: tensors.map { name, tensor in
          (name.hasPrefix("model.") ? String(name.dropFirst(6)) : name, tensor)
        })
    }
    for parameter in whole.graph.parameters { #expect(whole.float64(parameter) == bare.float64(parameter)) }
  }

  @Test(.clause("GRA-7")) func buffersAndOtherHeadsAreIgnored() throws {
    _ = try Self.weights { tensors in
      tensors["model.layers.1.self_attn.rotary_emb.inv_freq"] = Self.tensor(1)
      tensors["score.weight"] = Self.tensor(2, 4)
    }
  }

  @Test(
    .clause("GRA-7"),
    arguments: [
      ("model.layers.0.self_attn.q_proj.weight", nil as [Int]?), ("model.norm.weight", nil),
      ("lm_head.weight", nil),
      ("model.layers.1.mlp.down_proj.weight", [3, 4]), ("model.layers.0.self_attn.q_proj.bias", [4]),
      ("model.layers.2.input_layernorm.weight", [4]), ("model.layers.0.mlp.gate_proj.weight.scale", [1]),
      ("norm.weight", [4]),
    ])
  func whatIsMissingWrongOrUnknownIsNamed(name: String, shape: [Int]?) throws {
    let error = #expect(throws: BadInput.self) {
      try Self.weights { tensors in
        tensors[name] = shape.map { StoredTensor(Tensor<Float>(repeating: 9, shape: $0)) }
      }
    }
    #expect(error?.place?.hasSuffix(name) == true)
  }

  @Test(.clause("GRA-7")) func aTiedHeadMayBeStoredOnlyAsItIs() throws {
    let name = "lm_head.weight"
    _ = try Self.weights(isTied: true) { $0[name] = $0["model.embed_tokens.weight"] }
    let error = #expect(throws: BadInput.self) {
      try Self.weights(isTied: true) { $0[name] = Self.tensor(5, 4) }
    }
    #expect(error?.place == name)
  }

  /// T5 1.1 as version 5 of transformers saves it: tied by its configuration, whether it has a readout of its own or not.
  @Test(.clause("GRA-7"), arguments: ["lm_head.weight", nil]) func theTensorsSayWhetherT5HasAReadout(
    head: String?
  )
    throws
  {
    let file = Fixture.folder.appending(path: "families/t5-gated/config.json")
    let stored = ["shared.weight", head]
    let architecture = try Architecture(huggingFaceJSON: Data(contentsOf: file), file: "config.json") {
      stored.contains($0)
    }
    let names = architecture.graph.parameters.map(\.name)
    #expect(names.contains("lm_head.weight") == (head != nil))
    // What a golden holds of it says so again.
    let again = try Architecture(huggingFaceJSON: Data(architecture.configJSON.utf8), file: "config_json")
    #expect(again.graph == architecture.graph && again.configJSON == architecture.configJSON)
  }
}
