import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

/// What a `config.json` of Mistral and Gemma may say.
@Suite struct OtherConfigTests {
  private static let base: [String: String] = [
    "vocab_size": "11", "hidden_size": "64", "num_hidden_layers": "2", "num_attention_heads": "16",
    "intermediate_size": "5",
  ]

  private static func architecture(_ family: String, _ changes: [String: String]) throws -> Architecture {
    let fields = base.merging(changes) { $1 }.merging(["model_type": "\"\(family)\""]) { $1 }
    let lines = fields.filter { !$0.value.isEmpty }.map { "\"\($0)\": \($1)" }
    return try Architecture(
      huggingFaceJSON: Data("{\(lines.sorted().joined(separator: ", "))}".utf8), file: "config.json")
  }

  private static func kinds(_ graph: Graph, _ name: String) -> [TouchstoneGraph.Operation.Kind] {
    graph.operations.filter { $0.output.name == name || $0.output.path == name }.map(\.kind)
  }

  private static func windows(_ graph: Graph) -> [Int?] {
    kinds(graph, "attn_probs").map { kind in
      guard case .probabilities(let kind) = kind else { return -1 }
      return kind.visibility.window
    }
  }

  /// What the configuration class has where a field is absent.
  @Test(.clause("GRA-6"), arguments: [("mistral", [8, 2, 4]), ("gemma", [16, 2, 256])])
  func headsThatNothingSays(family: String, shape: [Int]) throws {
    let graph = try Self.architecture(family, [:]).graph
    #expect(graph.shape(of: Activation("k_rope", in: .init(0)), tokenCount: 2) == shape)
    let tied = graph.parameters.contains { $0.name == "lm_head.weight" }
    #expect(tied == (family == "mistral"))
  }

  @Test(
    .clause("GRA-6", "GRA-8"),
    arguments: [
      ("mistral", "", [4096, 4096]), ("mistral", "null", [nil, nil]), ("mistral", "7", [7, 7]),
      ("gemma", "", [nil, nil]),
    ] as [(String, String, [Int?])])
  func windowsStandWhereTheFamilyHasThem(family: String, field: String, expected: [Int?]) throws {
    let architecture = try Self.architecture(family, ["sliding_window": field])
    #expect(Self.windows(architecture.graph) == expected)
    let again = try Architecture(huggingFaceJSON: Data(architecture.configJSON.utf8), file: "stored")
    #expect(again.graph == architecture.graph)
  }

  @Test(
    .clause("GRA-6"),
    arguments: [
      (["hidden_act": "\"gelu\""], ActivationFunction.Function.geluTanh), ([:], .geluTanh),
      (["hidden_act": "\"gelu\"", "hidden_activation": "\"gelu_pytorch_tanh\""], .geluTanh),
      (["hidden_act": "\"silu\""], .silu),
    ])
  func theGateOfGemma(fields: [String: String], function: ActivationFunction.Function) throws {
    let graph = try Self.architecture("gemma", fields).graph
    #expect(Self.kinds(graph, "mlp_act") == [Int](0..<2).map { _ in ActivationFunction(function).kind })
    #expect(Self.kinds(graph, "embed/scaled") == [Scale(by: 8).kind])
    #expect(Self.kinds(graph, "ln_1").first == RMSNorm(epsilon: 1e-6, offset: 1).kind)
  }

  @Test(
    .clause("GRA-6"),
    arguments: [
      ("mistral", ["sliding_window": "0"], "sliding_window"),
      ("mistral", ["layer_types": "[\"sliding_attention\", \"full_attention\"]"], "layer_types"),
      ("mistral", ["attention_bias": "true"], "attention_bias"),
      ("gemma", ["use_bidirectional_attention": "true"], "use_bidirectional_attention"),
      ("gemma", ["hidden_act": "\"silu\"", "hidden_activation": "\"gelu\""], "hidden_activation"),
      ("gemma", ["sliding_window": "5"], "sliding_window"),
    ])
  func whatTheyDoNotComputeIsRefusedByName(family: String, fields: [String: String], place: String) {
    let error = #expect(throws: BadInput.self) { try Self.architecture(family, fields) }
    #expect(error?.file == "config.json" && error?.place == place, "\(error?.description ?? "")")
  }
}
