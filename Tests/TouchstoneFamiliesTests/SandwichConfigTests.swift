import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

/// What a `config.json` of Qwen3, Gemma 2 and 3, OLMo 2 and Phi-3 may say.
@Suite struct SandwichConfigTests {
  private static let base: [String: String] = [
    "vocab_size": "11", "hidden_size": "64", "num_hidden_layers": "3", "num_attention_heads": "32",
    "intermediate_size": "5",
  ]
  private static let stretched = "\"short_factor\": [1, 2], \"long_factor\": [3, 4]"

  private static func architecture(_ family: String, _ changes: [String: String]) throws -> Architecture {
    let fields = base.merging(changes) { $1 }.merging(["model_type": "\"\(family)\""]) { $1 }
    let lines = fields.filter { !$0.value.isEmpty }.map { "\"\($0)\": \($1)" }
    return try Architecture(
      huggingFaceJSON: Data("{\(lines.sorted().joined(separator: ", "))}".utf8), file: "config.json")
  }

  /// The numbers of every operation whose output has that name.
  private static func kinds<Kind>(_ graph: Graph, _ name: String, _: Kind.Type = Kind.self) -> [Kind] {
    graph.operations.filter { $0.output.name == name }.compactMap { operation in
      let kind: Any =
        switch operation.kind {
        case .rotate(let kind): kind
        case .probabilities(let kind): kind
        case .scores(let kind): kind
        case .softCap(let kind): kind
        case .rmsNorm(let kind): kind
        case .activationFunction(let kind): kind
        default: ()
        }
      return kind as? Kind
    }
  }

  private static func windows(_ graph: Graph) -> [Int?] {
    kinds(graph, "attn_probs", AttentionProbabilities.self).map(\.visibility.window)
  }

  /// What the configuration class has where a field is absent.
  @Test(
    .clause("GRA-6"),
    arguments: [
      ("qwen3", [32, 2, 128], [32, 2, 128], false), ("gemma2", [32, 2, 256], [4, 2, 256], true),
      ("gemma3_text", [32, 2, 256], [4, 2, 256], true), ("olmo2", [32, 2, 2], [32, 2, 2], false),
      ("phi3", [32, 2, 2], [32, 2, 2], false),
    ])
  func headsThatNothingSays(family: String, queries: [Int], keys: [Int], isTied: Bool) throws {
    let graph = try Self.architecture(family, [:]).graph
    #expect(graph.shape(of: Activation("q_rope", in: .init(0)), tokenCount: 2) == queries)
    #expect(graph.shape(of: Activation("k_rope", in: .init(0)), tokenCount: 2) == keys)
    #expect(graph.parameters.contains { $0.name == "lm_head.weight" } != isTied)
  }

  @Test(
    .clause("GRA-6", "GRA-8"),
    arguments: [
      ("qwen3", [:], [nil, nil, nil]), ("qwen3", ["sliding_window": "7"], [nil, nil, nil]),
      (
        "qwen3", ["use_sliding_window": "true", "sliding_window": "7", "max_window_layers": "2"],
        [nil, nil, 7]
      ),
      ("gemma2", [:], [4096, nil, 4096]), ("gemma2", ["sliding_window": "7"], [7, nil, 7]),
      ("gemma3_text", [:], [4096, 4096, 4096]),
      ("gemma3_text", ["sliding_window_pattern": "2", "sliding_window": "7"], [7, nil, 7]),
      ("gemma3_text", ["sliding_window_pattern": "1"], [nil, nil, nil]),
      (
        "gemma3_text",
        ["layer_types": "[\"full_attention\", \"full_attention\", \"sliding_attention\"]"], [nil, nil, 4096]
      ),
      ("olmo2", [:], [nil, nil, nil]), ("phi3", [:], [nil, nil, nil]),
      ("phi3", ["sliding_window": "null"], [nil, nil, nil]), ("phi3", ["sliding_window": "6"], [6, 6, 6]),
    ] as [(String, [String: String], [Int?])])
  func windowsStandWhereTheFamilyHasThem(
    family: String, fields: [String: String], expected: [Int?]
  ) throws {
    let architecture = try Self.architecture(family, fields)
    #expect(Self.windows(architecture.graph) == expected)
    let again = try Architecture(huggingFaceJSON: Data(architecture.configJSON.utf8), file: "stored")
    #expect(again.graph == architecture.graph && again.configJSON == architecture.configJSON)
  }

  @Test(
    .clause("GRA-6", "ATT-28"),
    arguments: [
      ("gemma2", [:], [50], [30]),
      ("gemma2", ["attn_logit_softcapping": "null", "final_logit_softcapping": "null"], [], []),
      ("gemma2", ["attn_logit_softcapping": "5", "final_logit_softcapping": "0.5"], [5], [0.5]),
      ("gemma3_text", [:], [], []), ("gemma3_text", ["attn_logit_softcapping": "5"], [], []),
      ("gemma3_text", ["final_logit_softcapping": "5"], [], [5]),
    ] as [(String, [String: String], [Double], [Double])])
  func capsStandWhereTheFamilyHasThem(
    family: String, fields: [String: String], scores: [Double], logits: [Double]
  ) throws {
    let architecture = try Self.architecture(family, fields)
    let graph = architecture.graph
    let capped = Self.kinds(graph, "attn_capped", SoftCap.self)
    #expect(capped.map(\.cap) == Array([scores, scores, scores].joined()))
    #expect(Self.kinds(graph, "final/logits", SoftCap.self).map(\.cap) == logits)
    #expect(graph.operations.count { $0.output.name == "final/logits_raw" } == logits.count)
    let again = try Architecture(huggingFaceJSON: Data(architecture.configJSON.utf8), file: "stored")
    #expect(again.graph == graph)
  }

  @Test(.clause("GRA-6"), arguments: ["gemma2", "gemma3_text"])
  func scoresAreScaledByANumberOfTheirOwn(family: String) throws {
    for (field, scale) in [("", 1.0 / 16), ("4", 0.5), ("144", 1.0 / 12)] {
      let graph = try Self.architecture(family, ["query_pre_attn_scalar": field]).graph
      #expect(Self.kinds(graph, "attn_scores", AttentionScores.self).map(\.scale) == [scale, scale, scale])
    }
  }

  @Test(
    .clause("GRA-6", "RMS-3", "RMS-4"),
    arguments: [
      ("qwen3", ["ln_1", "q_norm", "k_norm", "ln_2"], RMSNorm(epsilon: 1e-6), [128, 128]),
      ("gemma2", ["ln_1", "attn_post_norm", "ln_2", "mlp_post_norm"], RMSNorm(epsilon: 1e-6, offset: 1), []),
      (
        "gemma3_text", ["ln_1", "q_norm", "k_norm", "attn_post_norm", "ln_2", "mlp_post_norm"],
        RMSNorm(epsilon: 1e-6, offset: 1), [256, 256]
      ),
      (
        "olmo2", ["q_norm", "k_norm", "attn_post_norm", "mlp_post_norm"], RMSNorm(epsilon: 1e-5), [64, 8]
      ),
      ("phi3", ["ln_1", "ln_2"], RMSNorm(epsilon: 1e-5), []),
    ])
  func normsStandWhereTheFamilyHasThem(
    family: String, names: [String], norm: RMSNorm, headGains: [Int]
  ) throws {
    let graph = try Self.architecture(family, family == "olmo2" ? ["num_key_value_heads": "4"] : [:]).graph
    let own = graph.operations.filter { operation in
      guard case .rmsNorm = operation.kind else { return false }
      return operation.output.block?.index == 0
    }
    #expect(own.map(\.output.name) == names)
    let heads = own.filter { $0.output.name.hasPrefix("q_") || $0.output.name.hasPrefix("k_") }
    #expect(heads.flatMap(\.parameters).map(\.parameter.shape) == headGains.map { [$0] })
    for operation in own {
      guard case .rmsNorm(let kind) = operation.kind else { continue }
      #expect(kind.epsilon == norm.epsilon && kind.offset == norm.offset)
      #expect(kind.isJoined == (family == "olmo2" && heads.contains(operation)))
    }
  }

  /// A biased projection where `attention_bias` says so: queries, keys, values and the output.
  @Test(.clause("GRA-6"), arguments: ["qwen3", "gemma2", "gemma3_text", "olmo2"])
  func biasesStandWhereTheConfigurationSaysSo(family: String) throws {
    for (field, count) in [("", 0), ("false", 0), ("true", 12)] {
      let graph = try Self.architecture(family, ["attention_bias": field]).graph
      #expect(graph.parameters.count { $0.name.hasSuffix("_proj.bias") } == count)
    }
  }

  /// Old and new spelling say the same, and what neither says is the configuration class's.
  @Test(
    .clause("GRA-6", "ROP-7"),
    arguments: [
      ([:], RotaryFrequencies(theta: 1e4), RotaryFrequencies(theta: 1e6)),
      (
        [
          "rope_theta": "500", "rope_local_base_freq": "50",
          "rope_scaling": "{\"rope_type\": \"linear\", \"factor\": 8}",
        ],
        RotaryFrequencies(theta: 50), RotaryFrequencies(theta: 500, scaling: .linear(factor: 8))
      ),
      (
        [
          "rope_parameters": """
          {"full_attention": {"rope_type": "linear", "factor": 8, "rope_theta": 500},
           "sliding_attention": {"rope_theta": 50}}
          """
        ],
        RotaryFrequencies(theta: 50), RotaryFrequencies(theta: 500, scaling: .linear(factor: 8))
      ),
      (
        ["rope_parameters": "{\"full_attention\": null}", "rope_theta": "7"],
        RotaryFrequencies(theta: 1e4), RotaryFrequencies(theta: 7)
      ),
    ] as [([String: String], RotaryFrequencies, RotaryFrequencies)])
  func eachTypeOfBlockTurnsByItsOwn(
    fields: [String: String], sliding: RotaryFrequencies, full: RotaryFrequencies
  ) throws {
    let fields = fields.merging(["sliding_window_pattern": "2"]) { $1 }
    let architecture = try Self.architecture("gemma3_text", fields)
    for name in ["q_rope", "k_rope"] {
      let rotations = Self.kinds(architecture.graph, name, Rotate.self)
      #expect(rotations.map(\.frequencies) == [sliding, full, sliding])
      #expect(rotations.allSatisfy { $0.width == 256 && $0.magnitude == 1 })
    }
    let again = try Architecture(huggingFaceJSON: Data(architecture.configJSON.utf8), file: "stored")
    #expect(again.graph == architecture.graph)
  }

  /// Of heads of six columns.
  @Test(
    .clause("GRA-6", "ROP-4", "ROP-5"),
    arguments: [
      ([:], 6, 0.0), (["partial_rotary_factor": "0.67"], 4, 0),
      (["rope_parameters": "{\"partial_rotary_factor\": 0.34, \"rope_theta\": 10000}"], 2, 0),
      (
        [
          "partial_rotary_factor": "0.7", "max_position_embeddings": "4096",
          "rope_scaling": "{\"type\": \"su\", \(stretched)}",
        ], 4, 1
      ),
      (
        [
          "partial_rotary_factor": "0.7", "max_position_embeddings": "16384",
          "rope_scaling": "{\"type\": \"yarn\", \(stretched)}",
        ], 4, (1 + log(4.0) / log(4096)).squareRoot()
      ),
      (
        [
          "original_max_position_embeddings": "1024", "max_position_embeddings": "16384",
          "rope_parameters": """
          {"rope_type": "longrope", "partial_rotary_factor": 0.7, "original_max_position_embeddings": 8,
           \(stretched)}
          """,
        ], 4, (1 + log(16.0) / log(1024)).squareRoot()
      ),
    ] as [([String: String], Int, Double)])
  func theFirstColumnsOfAHeadTurn(fields: [String: String], width: Int, magnitude: Double) throws {
    let changes = fields.merging(["hidden_size": "192"]) { $1 }
    let graph = try Self.architecture("phi3", changes).graph
    let rotations = Self.kinds(graph, "q_rope", Rotate.self) + Self.kinds(graph, "k_rope", Rotate.self)
    #expect(rotations.count == 6)
    for rotation in rotations {
      #expect(rotation.width == width && rotation.first == 0 && rotation.style == .half)
      #expect(rotation.magnitude == (magnitude == 0 ? 1 : magnitude))
      if magnitude == 0 {
        #expect(rotation.frequencies == RotaryFrequencies(theta: 10_000))
      } else {
        guard case .longrope([1, 2], [3, 4], _) = rotation.frequencies.scaling else {
          Issue.record("\(rotation.frequencies)")
          return
        }
      }
    }
  }

  /// Rows of the matrices that stand in one.
  @Test(.clause("GRA-4", "GRA-6")) func queriesKeysAndValuesAreOneMatrix() throws {
    let graph = try Self.architecture("phi3", ["num_key_value_heads": "4"]).graph
    let own = graph.operations.filter { $0.output.block?.index == 0 }
    func rows(_ name: String) -> [Range<Int>] {
      own.filter { $0.output.name == name }.flatMap(\.parameters).map { view in
        let part = view.parameter.shape[0] / view.selection.parts
        return view.selection.take.lowerBound * part..<view.selection.take.upperBound * part
      }
    }
    #expect(rows("q") == [0..<64] && rows("k") == [64..<72] && rows("v") == [72..<80])
    #expect(rows("mlp_gate") == [0..<5] && rows("mlp_up") == [5..<10])
  }

  @Test(
    .clause("GRA-6"),
    arguments: [
      ("qwen3", ["use_sliding_window": "true", "sliding_window": "0"], "sliding_window"),
      ("qwen3", ["head_dim": "7"], "head_dim"), ("qwen3", ["mlp_bias": "true"], "mlp_bias"),
      ("qwen3", ["partial_rotary_factor": "0.5"], "rope_parameters.partial_rotary_factor"),
      ("gemma2", ["sliding_window": "null"], "sliding_window"),
      ("gemma2", ["attn_logit_softcapping": "0"], "attn_logit_softcapping"),
      ("gemma2", ["final_logit_softcapping": "-3"], "final_logit_softcapping"),
      ("gemma2", ["query_pre_attn_scalar": "0"], "query_pre_attn_scalar"),
      ("gemma2", ["use_bidirectional_attention": "true"], "use_bidirectional_attention"),
      ("gemma2", ["layer_types": "[\"full_attention\"]"], "layer_types"),
      ("gemma2", ["rope_local_base_freq": "10"], "rope_local_base_freq"),
      ("gemma2", ["sliding_window_pattern": "3"], "sliding_window_pattern"),
      ("gemma3_text", ["use_bidirectional_attention": "true"], "use_bidirectional_attention"),
      ("gemma3_text", ["rope_parameters": "{\"factor\": 8}"], "rope_parameters.factor"),
      (
        "gemma3_text", ["rope_parameters": "{\"full_attention\": {\"rope_type\": \"linear\"}}"],
        "rope_parameters.full_attention.factor"
      ),
      ("gemma3_text", ["sliding_window_pattern": "0"], "sliding_window_pattern"),
      ("olmo2", ["sliding_window": "5"], "sliding_window"), ("olmo2", ["clip_qkv": "8"], "clip_qkv"),
      ("phi3", ["attention_bias": "true"], "attention_bias"),
      ("phi3", ["sliding_window": "0"], "sliding_window"),
      ("phi3", ["rope_scaling": "{\"type\": \"linear\", \"factor\": 2}"], "rope_scaling.rope_type"),
      ("phi3", ["rope_scaling": "{\"type\": \"su\", \(stretched)}"], "rope_scaling"),
      (
        "phi3", ["hidden_size": "320", "partial_rotary_factor": "0.5"],
        "rope_parameters.partial_rotary_factor"
      ),
      ("phi3", ["partial_rotary_factor": "1.5"], "rope_parameters.partial_rotary_factor"),
      ("phi3", ["partial_rotary_factor": "0"], "rope_parameters.partial_rotary_factor"),
    ] as [(String, [String: String], String)])
  func whatTheyDoNotComputeIsRefusedByName(family: String, fields: [String: String], place: String) {
    let error = #expect(throws: BadInput.self) { try Self.architecture(family, fields) }
    #expect(error?.file == "config.json" && error?.place == place, "\(error?.description ?? "")")
  }
}
