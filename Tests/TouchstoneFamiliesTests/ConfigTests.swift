import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

/// What a `config.json` may say, and what is refused by name.
@Suite struct ConfigTests {
  private static let llama: [String: String] = [
    "model_type": "\"llama\"", "vocab_size": "11", "hidden_size": "8", "num_hidden_layers": "1",
    "num_attention_heads": "2", "intermediate_size": "5",
  ]
  private static let gpt2: [String: String] = [
    "model_type": "\"gpt2\"", "vocab_size": "11", "n_embd": "8", "n_layer": "1", "n_head": "2",
    "n_positions": "6",
  ]

  /// A configuration with members replaced, added, or, where the text is empty, taken away.
  private static func text(_ base: [String: String], _ changes: [String: String]) -> Data {
    let members = base.merging(changes) { $1 }.filter { !$0.value.isEmpty }
    let lines = members.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }
    return Data(("{" + lines.joined(separator: ", ") + "}").utf8)
  }

  private static func graph(_ base: [String: String], _ changes: [String: String]) throws -> Graph {
    try Architecture(huggingFaceJSON: text(base, changes), file: "config.json").graph
  }

  private static func operation(_ path: String, _ graph: Graph) throws -> TouchstoneGraph.Operation {
    try #require(graph.operations.first { $0.output.path == path })
  }

  @Test(.clause("GRA-6")) func absentFieldsHaveTheDefaultsOfTheFamily() throws {
    let graph = try Self.graph(Self.llama, [:])
    #expect(try Self.operation("layers/000/ln_1", graph).kind == RMSNorm(epsilon: 1e-6).kind)
    #expect(try Self.operation("layers/000/k", graph).kind == Linear(heads: 2).kind)
    #expect(try Self.operation("layers/000/mlp_act", graph).kind == ActivationFunction(.silu).kind)
    let rotate = Rotate(width: 4, frequencies: RotaryFrequencies(theta: 10_000))
    #expect(try Self.operation("layers/000/q_rope", graph).kind == rotate.kind)
    #expect(try Self.operation("layers/000/attn_scores", graph).kind == AttentionScores(scale: 0.5).kind)
    #expect(graph.parameters.last?.name == "lm_head.weight")
    #expect(!graph.parameters.contains { $0.name.hasSuffix("bias") })
    let same = try Self.graph(
      Self.llama,
      [
        "head_dim": "null", "num_key_value_heads": "null", "rope_scaling": "null", "rope_theta": "1e4",
        "attention_bias": "false", "hidden_act": "\"swish\"",
      ])
    #expect(same == graph)
  }

  /// PyTorch's `padding_idx`, as Hugging Face's code for each family has it.
  @Test(
    .clause("BWD-6"),
    arguments: [
      ("llama", "", nil), ("llama", "4", 4), ("llama", "-1", 10), ("llama", "null", nil),
      ("llama", "11", nil),
      ("olmo2", "", 1), ("olmo2", "null", nil), ("gemma", "", 0), ("gpt2", "4", nil),
    ] as [(String, String, Int?)])
  func theRowOfPaddingIsNotLearned(type: String, stated: String, expected: Int?) throws {
    let base = type == "gpt2" ? Self.gpt2 : Self.llama.merging(["num_key_value_heads": "2"]) { $1 }
    let text = Self.text(base, ["model_type": "\"\(type)\"", "pad_token_id": stated])
    #expect(try Architecture(huggingFaceJSON: text, file: "config.json").unlearnedID == expected)
  }

  @Test(.clause("GRA-6")) func fieldsAreHonoured() throws {
    let graph = try Self.graph(
      Self.llama,
      [
        "head_dim": "6", "num_key_value_heads": "1", "attention_bias": "true", "mlp_bias": "true",
        "tie_word_embeddings": "true", "rms_norm_eps": "0.5", "hidden_act": "\"gelu\"",
      ])
    #expect(graph.shape(of: Activation("q", in: .init(0)), tokenCount: 3) == [2, 3, 6])
    #expect(graph.shape(of: Activation("k_rope", in: .init(0)), tokenCount: 3) == [1, 3, 6])
    #expect(graph.parameters.filter { $0.name.hasSuffix("bias") }.count == 7)
    #expect(graph.parameters.last?.name == "model.norm.weight")
    #expect(
      try Self.operation("final/logits", graph).parameters[0].parameter.name == "model.embed_tokens.weight")
  }

  /// Both spellings, and what has precedence where they are mixed: as transformers 5.24 reads them.
  @Test(
    .clause("GRA-6", "ROP-6"),
    arguments: [
      (["rope_theta": "7.0"], 7, RotaryFrequencies.Scaling.none),
      (["rope_parameters": "{\"rope_theta\": 7}"], 7, .none),
      (["rope_parameters": "{\"rope_theta\": 7}", "rope_theta": "8"], 7, .none),
      (
        ["rope_parameters": "{\"rope_type\": \"linear\", \"factor\": 2}", "rope_theta": "8"], 8,
        .linear(factor: 2)
      ),
      (["rope_scaling": "{\"type\": \"linear\", \"factor\": 2}", "rope_theta": "8"], 8, .linear(factor: 2)),
      (
        [
          "rope_scaling": "{\"type\": \"linear\", \"factor\": 2}",
          "rope_parameters": "{\"rope_type\": \"default\", \"rope_theta\": 9}",
        ], 10_000, .linear(factor: 2)
      ),
      (["rope_scaling": "{}", "rope_parameters": "{\"rope_theta\": 9}"], 9, .none),
      (
        ["rope_scaling": "{\"rope_type\": \"dynamic\", \"type\": \"linear\", \"factor\": 2}"], 10_000,
        .dynamic(factor: 2, positions: 2048)
      ),
      (
        [
          "rope_scaling":
            "{\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, \"high_freq_factor\": 4}",
          "max_position_embeddings": "77",
        ], 10_000, .llama3(factor: 8, low: 1, high: 4, original: 77)
      ),
      (
        [
          "rope_scaling": """
          {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
           "original_max_position_embeddings": 64}
          """, "original_max_position_embeddings": "32",
        ], 10_000, .llama3(factor: 8, low: 1, high: 4, original: 32)
      ),
      (
        [
          "rope_scaling":
            "{\"type\": \"yarn\", \"original_max_position_embeddings\": 64, \"finetuned\": true}",
          "max_position_embeddings": "256",
        ], 10_000, .yarn(factor: 4, fast: 32, slow: 1, original: 64, truncates: true)
      ),
      // 0 stands for absent, as Hugging Face reads it.
      (
        ["rope_scaling": "{\"type\": \"yarn\", \"factor\": 4, \"beta_fast\": 0, \"beta_slow\": 0}"],
        10_000,
        .yarn(factor: 4, fast: 32, slow: 1, original: 2048, truncates: true)
      ),
      (
        [
          "rope_parameters":
            "{\"rope_type\": \"proportional\", \"partial_rotary_factor\": 0.5, \"rope_theta\": 10000}"
        ], 10_000, .proportional(factor: 1, turning: 1)
      ),
    ])
  func rotaryPositionsAreReadInEitherSpelling(
    fields: [String: String], theta: Double, scaling: RotaryFrequencies.Scaling
  ) throws {
    let graph = try Self.graph(Self.llama, fields)
    let rotation = try Self.operation("layers/000/k_rope", graph)
    guard case .rotate(let rotate) = rotation.kind else {
      Issue.record("\(rotation) does not rotate")
      return
    }
    #expect(rotate.frequencies == RotaryFrequencies(theta: theta, scaling: scaling))
  }

  @Test(
    .clause("ROP-5", "ROP-10", "ROP-11"),
    arguments: [
      ("\"rope_type\": \"yarn\", \"factor\": 4", 1.1386294361119891),
      ("\"rope_type\": \"yarn\", \"factor\": 0.5", 1), ("\"rope_type\": \"yarn\", \"factor\": 1", 1),
      ("\"rope_type\": \"yarn\", \"factor\": 4, \"attention_factor\": 1.5", 1.5),
      ("\"rope_type\": \"yarn\", \"factor\": 4, \"mscale\": 1, \"mscale_all_dim\": 0", 1.1386294361119891),
      ("\"rope_type\": \"yarn\", \"factor\": 4, \"mscale\": 0.5, \"mscale_all_dim\": 0.5", 1),
      // √(1 + ln 32/ln 64) with 2048 positions, 64 of them first.
      (
        "\"rope_type\": \"longrope\", \"short_factor\": [1, 1], \"long_factor\": [1, 1], \"original_max_position_embeddings\": 64",
        1.35400640077266
      ),
      (
        "\"rope_type\": \"longrope\", \"short_factor\": [1, 1], \"long_factor\": [1, 1], \"factor\": 1", 1
      ),
      ("\"rope_type\": \"linear\", \"factor\": 4", 1),
    ])
  func cosineAndSineAreScaled(members: String, magnitude: Double) throws {
    let graph = try Self.graph(Self.llama, ["rope_parameters": "{\(members)}"])
    guard case .rotate(let rotate) = try Self.operation("layers/000/q_rope", graph).kind else {
      Issue.record("it does not rotate")
      return
    }
    #expect(abs(rotate.magnitude - magnitude) <= 1e-15)
  }

  /// A field, and the place that the sentence names.
  @Test(
    .clause("GRA-6", "GQA-3"),
    arguments: [
      ("sliding_window", "4096", "sliding_window"), ("use_sliding_window", "true", "use_sliding_window"),
      ("layer_types", "[\"sliding_attention\"]", "layer_types"),
      ("attn_logit_softcapping", "50.0", "attn_logit_softcapping"),
      ("embedding_multiplier", "12", "embedding"),
      ("num_experts", "8", "num_experts"), ("quantization_config", "{\"bits\": 4}", "quantization_config"),
      ("partial_rotary_factor", "0.5", "partial_rotary_factor"),
      ("rope_scaling", "{\"type\": \"su\", \"factor\": 2}", "rope_scaling.rope_type"),
      ("rope_scaling", "{\"type\": \"linear\"}", "rope_scaling.factor"),
      ("rope_scaling", "{\"type\": \"linear\", \"factor\": \"2\"}", "rope_scaling.factor"),
      ("rope_scaling", "{\"type\": \"linear\", \"factor\": -2}", "rope_scaling"),
      ("rope_scaling", "{\"type\": \"linear\", \"factor\": 2, \"alpha\": 3}", "rope_scaling.alpha"),
      ("rope_scaling", "[1]", "rope_scaling"),
      ("rope_parameters", "{\"full_attention\": {}}", "full_attention"),
      (
        "rope_scaling", "{\"type\": \"longrope\", \"short_factor\": [1], \"long_factor\": [1]}",
        "rope_scaling"
      ),
      ("rope_theta", "0", "rope_parameters"), ("rope_theta", "\"x\"", "rope_theta"),
      ("head_dim", "3", "head_dim"), ("head_dim", "0", "head_dim"), ("head_dim", "-2", "head_dim"),
      ("num_key_value_heads", "3", "num_key_value_heads"),
      ("num_attention_heads", "3", "num_attention_heads"),
      ("num_attention_heads", "0", "num_attention_heads"), ("num_hidden_layers", "1025", "num_hidden_layers"),
      ("num_hidden_layers", "", "num_hidden_layers"), ("intermediate_size", "", "intermediate_size"),
      ("vocab_size", "99999999999", "vocab_size"), ("vocab_size", "1.5", "vocab_size"),
      ("hidden_act", "\"gelu_10\"", "hidden_act"), ("rms_norm_eps", "-1", "rms_norm_eps"),
      ("model_type", "\"mamba\"", "model_type"), ("attention_bias", "1", "attention_bias"),
    ])
  func whatLlamaDoesNotComputeIsRefused(field: String, value: String, place: String) throws {
    let error = #expect(throws: BadInput.self) { try Self.graph(Self.llama, [field: value]) }
    #expect(error?.file == "config.json")
    #expect(error?.place?.contains(place) == true, "\(error?.description ?? "")")
  }

  @Test(
    .clause("GRA-6"),
    arguments: [
      ("head_dim", "4", "3"), ("num_key_value_heads", "2", "1"), ("layer_norm_eps", "1e-5", "1e-6"),
      ("intermediate_size", "32", "31"), ("n_inner", "5", "0"), ("sliding_window", "null", "8"),
      ("rope_theta", "null", "10000"), ("add_cross_attention", "false", "true"), ("hidden_size", "8", "9"),
      ("activation_function", "\"gelu_pytorch_tanh\"", "\"gelu_fast\""), ("attn_pdrop", "0.1", ""),
      ("n_ctx", "6", ""),
    ])
  func gpt2TakesWhatRepeatsItself(field: String, accepted: String, refused: String) throws {
    _ = try Self.graph(Self.gpt2, [field: accepted])
    guard !refused.isEmpty else { return }
    #expect(throws: BadInput.self) { try Self.graph(Self.gpt2, [field: refused]) }
  }

  @Test(.clause("GRA-6"), arguments: ["", "[]", "{", "{\"vocab_size\": 1, \"vocab_size\": 1}"])
  func whatIsNoConfigurationIsRefused(text: String) {
    #expect(throws: BadInput.self) { try Architecture(huggingFaceJSON: Data(text.utf8), file: "config.json") }
  }

  @Test(.clause("GRA-6")) func aFileWithoutModelTypeIsGPT2s() throws {
    var fields = Self.gpt2
    fields["model_type"] = nil
    let architecture = try Architecture(huggingFaceJSON: Self.text(fields, [:]), file: "config.json")
    #expect(architecture.family.name == "gpt2")
  }
}
