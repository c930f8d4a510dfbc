import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

/// What a `config.json` of Qwen2 may say.
@Suite struct Qwen2Tests {
  private static let base: [String: String] = [
    "model_type": "\"qwen2\"", "vocab_size": "11", "hidden_size": "128", "num_hidden_layers": "3",
    "num_attention_heads": "32", "intermediate_size": "5",
  ]

  private static func architecture(_ changes: [String: String]) throws -> Architecture {
    let lines = base.merging(changes) { $1 }.filter { !$0.value.isEmpty }.map { "\"\($0)\": \($1)" }
    return try Architecture(
      huggingFaceJSON: Data("{\(lines.sorted().joined(separator: ", "))}".utf8), file: "config.json")
  }

  private static func windows(_ graph: Graph) -> [Int?] {
    graph.operations.compactMap { operation -> Int?? in
      guard case .probabilities(let kind) = operation.kind else { return nil }
      return .some(kind.visibility.window)
    }
  }

  @Test(.clause("GRA-6")) func queriesKeysAndValuesHaveBiasesAndNothingElse() throws {
    let graph = try Self.architecture([:]).graph
    let biased = graph.parameters.map(\.name).filter { $0.hasSuffix(".bias") }
    #expect(
      biased
        == (0..<3).flatMap { layer in
          ["q", "k", "v"].map { "model.layers.\(layer).self_attn.\($0)_proj.bias" }
        })
  }

  /// Absent, the number of the configuration class; null, as many as there are queries.
  @Test(.clause("GRA-6"), arguments: [("", 32), ("null", 64), ("4", 4)])
  func headsOfKeys(field: String, count: Int) throws {
    let architecture = try Self.architecture(["num_attention_heads": "64", "num_key_value_heads": field])
    let shape = architecture.graph.shape(of: Activation("k", in: .init(0)), tokenCount: 2)
    #expect(shape == [count, 2, 2])
  }

  @Test(
    .clause("GRA-6", "GRA-8"),
    arguments: [
      ([:], [nil, nil, nil]),
      (["sliding_window": "7"], [nil, nil, nil]),
      (["use_sliding_window": "true", "sliding_window": "7"], [nil, nil, nil]),
      (["use_sliding_window": "true", "sliding_window": "7", "max_window_layers": "1"], [nil, 7, 7]),
      (["use_sliding_window": "true", "max_window_layers": "0"], [4096, 4096, 4096]),
      (
        ["use_sliding_window": "true", "sliding_window": "null", "max_window_layers": "0"], [nil, nil, nil]
      ),
      (
        [
          "use_sliding_window": "true", "sliding_window": "7", "max_window_layers": "1",
          "layer_types": "[\"sliding_attention\", \"full_attention\", \"full_attention\"]",
        ], [7, nil, nil]
      ),
      (
        [
          "use_sliding_window": "false", "sliding_window": "7",
          "layer_types": "[\"full_attention\", \"full_attention\", \"full_attention\"]",
        ], [nil, nil, nil]
      ),
    ] as [([String: String], [Int?])])
  func windowsStandWhereTheConfigurationSaysSo(fields: [String: String], expected: [Int?]) throws {
    #expect(Self.windows(try Self.architecture(fields).graph) == expected)
  }

  /// What a golden file keeps of a configuration gives the same graph, also where a null says something.
  @Test(
    .clause("GRA-6"),
    arguments: [
      [:],
      [
        "num_attention_heads": "64", "num_key_value_heads": "null", "sliding_window": "null",
        "use_sliding_window": "true", "max_window_layers": "0",
      ],
      ["use_sliding_window": "true", "max_window_layers": "2"],
    ])
  func whatIsStoredGivesTheSameGraph(fields: [String: String]) throws {
    let architecture = try Self.architecture(fields)
    let again = try Architecture(huggingFaceJSON: Data(architecture.configJSON.utf8), file: "stored")
    #expect(again.graph == architecture.graph)
    #expect(again.configJSON == architecture.configJSON)
  }

  @Test(
    .clause("GRA-6"),
    arguments: [
      (["layer_types": "[\"full_attention\"]"], "layer_types"),
      (["layer_types": "[\"full_attention\", \"full_attention\", \"chunked_attention\"]"], "layer_types"),
      (["layer_types": "[1, 2, 3]"], "layer_types"),
      (
        ["layer_types": "[\"full_attention\", \"full_attention\", \"sliding_attention\"]"], "layer_types"
      ),
      (["use_sliding_window": "true", "sliding_window": "0"], "sliding_window"),
      (["use_sliding_window": "1"], "use_sliding_window"),
      (["num_key_value_heads": "5"], "num_key_value_heads"),
      (["num_attention_heads": "48"], "num_key_value_heads"),
      (["attention_bias": "true"], "attention_bias"), (["qk_layernorm": "true"], "qk_layernorm"),
    ])
  func whatItDoesNotComputeIsRefusedByName(fields: [String: String], place: String) {
    let error = #expect(throws: BadInput.self) { try Self.architecture(fields) }
    #expect(error?.file == "config.json" && error?.place == place, "\(error?.description ?? "")")
  }
}
