import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

/// What a `config.json` of DeepSeek-V2 and V3 may say.
@Suite struct DeepSeekTests {
  private static let base: [String: String] = [
    "vocab_size": "11", "hidden_size": "64", "num_hidden_layers": "4", "num_attention_heads": "8",
    "intermediate_size": "5", "num_experts_per_tok": "2",
  ]

  private static func architecture(_ family: String, _ changes: [String: String]) throws -> Architecture {
    let fields = base.merging(changes) { $1 }.merging(["model_type": "\"\(family)\""]) { $1 }
    let lines = fields.filter { !$0.value.isEmpty }.map { "\"\($0)\": \($1)" }
    return try Architecture(
      huggingFaceJSON: Data("{\(lines.sorted().joined(separator: ", "))}".utf8), file: "config.json")
  }

  private static func kinds<Kind: OperationKind>(_: Kind.Type, _ graph: Graph) -> Set<Kind> {
    Set(graph.operations.compactMap { $0.kind.payload as? Kind })
  }

  @Test(.clause("GRA-6", "MOE-7", "MOE-8", "MOE-9", "MOE-10"))
  func absentFieldsAreThoseOfTheConfigurationClasses() throws {
    let second = try Self.architecture("deepseek_v2", [:]).graph
    #expect(Self.kinds(RouteIDs.self, second) == [RouteIDs(2)])
    #expect(Self.kinds(RouteWeights.self, second) == [RouteWeights(isNormalised: false)])
    #expect(Self.kinds(ChosenRows.self, second).count == 64)
    let third = try Self.architecture("deepseek_v3", [:]).graph
    #expect(
      Self.kinds(RouteIDs.self, third)
        == [RouteIDs(2, by: .sigmoid, groups: ExpertGroups(8, keeping: 4, by: .twoBest))])
    #expect(
      Self.kinds(RouteWeights.self, third) == [RouteWeights(isNormalised: true, factor: 2.5, by: .sigmoid)])
    let dense = third.operations.filter { $0.output.name == "mlp_gate" }.compactMap(\.output.block?.index)
    #expect(dense == [0, 1, 2])
    #expect(third.shape(of: Activation("shared/mlp_gate", in: .init(3)), tokenCount: 2) == [2, 2048])
  }

  @Test(.clause("GRA-6", "MLA-1", "MLA-2", "MLA-3"), arguments: ["7", "null"])
  func latentVectors(rank: String) throws {
    let architecture = try Self.architecture(
      "deepseek_v3",
      [
        "q_lora_rank": rank, "kv_lora_rank": "6", "qk_nope_head_dim": "5", "qk_rope_head_dim": "4",
        "v_head_dim": "3", "num_hidden_layers": "1", "rms_norm_eps": "0.5", "n_routed_experts": "16",
      ])
    let graph = architecture.graph
    func shape(_ name: String) -> [Int]? { graph.shape(of: Activation(name, in: .init(0)), tokenCount: 2) }
    #expect(shape("q_latent") == (rank == "7" ? [2, 7] : nil))
    #expect(shape("q") == [8, 2, 9] && shape("k") == [8, 2, 5] && shape("v") == [8, 2, 3])
    #expect(shape("k_shared") == [1, 2, 4] && shape("k_rope") == [8, 2, 9])
    #expect(shape("attn_context") == [2, 24])
    let latent = graph.operations.first { $0.output.name == "kv_latent_norm" }
    #expect((latent?.kind.payload as? RMSNorm)?.epsilon == 1e-6)
    let turns = graph.operations.compactMap { $0.kind.payload as? Rotate }
    #expect(
      turns.map(\.first) == [5, 0] && turns.allSatisfy { $0.style == .interleavedToHalf && $0.width == 4 })
    let again = try Architecture(huggingFaceJSON: Data(architecture.configJSON.utf8), file: "stored")
    #expect(again.graph == graph)
  }

  @Test(
    .clause("GRA-6", "MLA-3"),
    arguments: [
      ("", 1.0), ("{\"rope_type\": \"default\", \"mscale_all_dim\": 1.0}", 1.0),
      ("{\"type\": \"yarn\", \"factor\": 40.0, \"mscale_all_dim\": 1.0}", 0.1 * log(40.0) + 1),
      ("{\"type\": \"yarn\", \"factor\": 40.0}", 1.0),
    ])
  func stretchedPositionsMultiplyScores(scaling: String, factor: Double) throws {
    let graph = try Self.architecture(
      "deepseek_v2", ["rope_scaling": scaling, "qk_nope_head_dim": "5", "qk_rope_head_dim": "4"]
    ).graph
    let scale = try #require(Self.kinds(AttentionScores.self, graph).first?.scale)
    #expect(abs(scale - factor * factor / 3) < 1e-15)
  }

  @Test(
    .clause("GRA-6"),
    arguments: [
      ("deepseek_v2", "norm_topk_prob", "true"), ("deepseek_v2", "topk_method", "\"noaux_tc\""),
      ("deepseek_v2", "n_group", "7"), ("deepseek_v3", "topk_group", "9"), ("deepseek_v3", "n_group", "256"),
      ("deepseek_v3", "topk_method", "\"greedy\""), ("deepseek_v3", "scoring_func", "\"softmax\""),
      ("deepseek_v3", "num_key_value_heads", "4"), ("deepseek_v3", "head_dim", "192"),
      ("deepseek_v3", "mlp_bias", "true"), ("deepseek_v3", "moe_layer_freq", "2"),
      ("deepseek_v3", "num_experts_per_tok", "300"),
    ])
  func whatCannotBeIsRefusedByName(family: String, field: String, value: String) {
    let others = field == "n_group" ? ["topk_group": "1"] : [:]
    let error = #expect(throws: BadInput.self) {
      try Self.architecture(family, others.merging([field: value]) { $1 })
    }
    #expect(error?.place?.contains(field) == true, "\(String(describing: error))")
  }
}
