import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

/// What a `config.json` of Mixtral, Qwen3-MoE and gpt-oss may say.
@Suite struct ExpertConfigTests {
  private static let base: [String: String] = [
    "vocab_size": "11", "hidden_size": "64", "num_hidden_layers": "4", "num_attention_heads": "8",
    "num_key_value_heads": "4", "intermediate_size": "5",
  ]

  private static func architecture(_ family: String, _ changes: [String: String]) throws -> Architecture {
    let fields = base.merging(changes) { $1 }.merging(["model_type": "\"\(family)\""]) { $1 }
    let lines = fields.filter { !$0.value.isEmpty }.map { "\"\($0)\": \($1)" }
    return try Architecture(
      huggingFaceJSON: Data("{\(lines.sorted().joined(separator: ", "))}".utf8), file: "config.json")
  }

  private static func kinds<Kind: OperationKind>(_: Kind.Type, _ graph: Graph) -> [Kind] {
    graph.operations.compactMap { $0.kind.payload as? Kind }
  }

  /// E and K by the number of logits and choices; absent, the configuration class's.
  @Test(
    .clause("GRA-6", "MOE-1"),
    arguments: [
      ("mixtral", "", "", [8, 2]), ("qwen3_moe", "", "", [128, 8]), ("gpt_oss", "", "", [128, 4]),
      ("mixtral", "6", "3", [6, 3]), ("gpt_oss", "3", "3", [3, 3]),
    ])
  func expertsAndChoices(family: String, experts: String, choices: String, expected: [Int]) throws {
    for name in ["num_local_experts", "num_experts"] {
      let graph = try Self.architecture(family, [name: experts, "num_experts_per_tok": choices]).graph
      let block = Activation.Block(0)
      #expect(graph.shape(of: Activation("router_logits", in: block), tokenCount: 3) == [3, expected[0]])
      #expect(graph.shape(of: Activation("expert_ids", in: block), tokenCount: 3) == [3, expected[1]])
      #expect(Self.kinds(ChosenRows.self, graph).count == 4 * expected[0])
    }
  }

  @Test(
    .clause("GRA-6", "MOE-3", "MOE-4"),
    arguments: [
      ("mixtral", "", true), ("qwen3_moe", "", false), ("qwen3_moe", "true", true), ("gpt_oss", "", true),
    ])
  func weightsThatAddUpToOne(family: String, field: String, expected: Bool) throws {
    let graph = try Self.architecture(family, ["norm_topk_prob": field]).graph
    #expect(Set(Self.kinds(RouteWeights.self, graph)) == [RouteWeights(isNormalised: expected)])
  }

  @Test(
    .clause("GRA-6"),
    arguments: [
      ("", "", [true, true, true, true]), ("2", "", [false, true, false, true]),
      ("", "[0, 3]", [false, true, true, false]),
      ("3", "[2]", [false, false, false, false]), ("1", "null", [true, true, true, true]),
    ])
  func blocksWithExperts(step: String, dense: String, expected: [Bool]) throws {
    let architecture = try Self.architecture(
      "qwen3_moe", ["decoder_sparse_step": step, "mlp_only_layers": dense, "num_experts": "9"])
    let blocks = (0..<4).map { block in
      architecture.graph.operations.contains { $0.output == Activation("expert_ids", in: .init(block)) }
    }
    #expect(blocks == expected)
    let again = try Architecture(huggingFaceJSON: Data(architecture.configJSON.utf8), file: "stored")
    #expect(again.graph == architecture.graph)
  }

  @Test(.clause("GRA-6", "GRA-8", "ATT-31", "GLU-4"), arguments: [("", 7.0), ("1.5", 1.5), ("null", nil)])
  func limitsSinksAndWindowsOfGptOss(field: String, limit: Double?) throws {
    let graph = try Self.architecture("gpt_oss", ["swiglu_limit": field, "num_local_experts": "4"]).graph
    #expect(Set(Self.kinds(ActivationFunction.self, graph)) == [ActivationFunction(.quickGELU, limit: limit)])
    #expect(Set(Self.kinds(Product.self, graph)) == [Product(plus: 1, limit: limit)])
    #expect(Self.kinds(AttentionProbabilities.self, graph).map(\.visibility.window) == [128, nil, 128, nil])
    #expect(graph.parameters.first { $0.name == "model.layers.3.self_attn.sinks" }?.shape == [8])
    guard let rotation = Self.kinds(Rotate.self, graph).first,
      case .yarn(let factor, _, _, let original, false) = rotation.frequencies.scaling
    else {
      Issue.record("no yarn without rounded bounds")
      return
    }
    #expect(factor == 32 && original == 4096 && rotation.frequencies.theta == 150_000)
    // Gates are even columns of a stack, and what passes them odd ones.
    let gate = graph.operations.first { $0.output.name == "experts/002/mlp_gate" }?.parameters.first
    #expect(gate?.selection == ParameterView.Selection(groups: 5, parts: 2, take: 0..<1, expert: 2))
    #expect(gate?.layout == .inputsFirst && gate?.parameter.shape == [4, 64, 10])
  }

  @Test(
    .clause("GRA-6"),
    arguments: [
      ("mixtral", "num_experts_per_tok", "9"), ("mixtral", "num_local_experts", "0"),
      ("mixtral", "num_local_experts", "1000"),
      ("qwen3_moe", "mlp_only_layers", "[4]"), ("qwen3_moe", "decoder_sparse_step", "0"),
      ("gpt_oss", "swiglu_alpha", "1.5"),
      ("gpt_oss", "swiglu_limit", "0"), ("gpt_oss", "hidden_act", "\"gelu\""),
      ("gpt_oss", "quantization_config", "{\"quant_method\": \"mxfp4\"}"),
      ("llama", "num_local_experts", "4"),
    ])
  func whatCannotBeIsRefusedByName(family: String, field: String, value: String) {
    let error = #expect(throws: BadInput.self) { try Self.architecture(family, [field: value]) }
    #expect(error?.place?.contains(field) == true, "\(String(describing: error))")
  }
}
