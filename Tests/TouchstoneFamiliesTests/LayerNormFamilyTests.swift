import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

/// What a `config.json` of the families with LayerNorm may say.
@Suite struct LayerNormFamilyTests {
  /// The sizes that each family needs, and nothing else.
  private static let sizes: [String: [String: String]] = [
    "opt": [
      "hidden_size": "12", "num_hidden_layers": "2", "num_attention_heads": "3", "ffn_dim": "5",
      "max_position_embeddings": "16",
    ],
    "imagegpt": ["n_embd": "12", "n_layer": "2", "n_head": "3", "n_positions": "16"],
    "gptj": ["n_embd": "192", "n_layer": "2", "n_head": "3"],
    "falcon": ["hidden_size": "24", "num_hidden_layers": "2", "num_attention_heads": "6"],
    "starcoder2": [
      "hidden_size": "24", "num_hidden_layers": "2", "num_attention_heads": "6", "intermediate_size": "5",
    ],
    "bloom": ["hidden_size": "24", "n_layer": "2", "n_head": "6"],
    "mpt": ["d_model": "24", "n_layers": "2", "n_heads": "6"],
    "gpt_neox": [
      "hidden_size": "48", "num_hidden_layers": "2", "num_attention_heads": "6", "intermediate_size": "5",
    ],
    "phi": [
      "hidden_size": "48", "num_hidden_layers": "2", "num_attention_heads": "6", "intermediate_size": "5",
    ],
  ]

  private static func architecture(_ family: String, _ changes: [String: String] = [:]) throws -> Architecture
  {
    let base = (sizes[family] ?? [:]).merging(["vocab_size": "11", "model_type": "\"\(family)\""]) { $1 }
    let lines = base.merging(changes) { $1 }.filter { !$0.value.isEmpty }.map { "\"\($0)\": \($1)" }
    return try Architecture(
      huggingFaceJSON: Data("{\(lines.sorted().joined(separator: ", "))}".utf8), file: "config.json")
  }

  private static func operation(_ name: String, _ graph: Graph) -> TouchstoneGraph.Operation? {
    graph.operations.first { $0.output.path == name || $0.output.path == "layers/001/" + name }
  }

  private static func kind(_ name: String, _ graph: Graph) -> TouchstoneGraph.Operation.Kind? {
    operation(name, graph)?.kind
  }

  /// What the configuration class has where a field is absent.
  @Test(
    .clause("GRA-6"),
    arguments: [
      ("opt", "mlp_act", ActivationFunction(.relu).kind), ("opt", "ln_1", LayerNorm(epsilon: 1e-5).kind),
      ("opt", "embed/position", Embedding(.positionIDs, offset: 2, countsVisible: true).kind),
      ("imagegpt", "mlp_act", ActivationFunction(.quickGELU).kind),
      ("imagegpt", "ln_1", RMSNorm(epsilon: 1e-5).kind),
      ("gptj", "mlp_act", ActivationFunction(.geluTanh).kind),
      (
        "gptj", "q_rope",
        Rotate(width: 64, style: .interleaved, frequencies: RotaryFrequencies(theta: 10_000)).kind
      ),
      ("falcon", "mlp_act", ActivationFunction(.geluErf).kind), ("falcon", "k", Linear(heads: 1).kind),
      ("falcon", "q_rope", Rotate(width: 4, frequencies: RotaryFrequencies(theta: 10_000)).kind),
      ("starcoder2", "mlp_act", ActivationFunction(.geluTanh).kind),
      ("starcoder2", "k", Linear(heads: 2).kind), ("starcoder2", "attn_probs", AttentionProbabilities().kind),
      ("bloom", "mlp_act", ActivationFunction(.geluBloom).kind),
      ("bloom", "embed/attn_bias", Alibi(heads: 6, form: .bloom).kind),
      ("mpt", "mlp_act", ActivationFunction(.geluErf).kind),
      ("mpt", "embed/attn_bias", Alibi(heads: 6, form: .mpt).kind), ("mpt", "q", Linear(heads: 6).kind),
      ("mpt", "attn_scores", AttentionScores(scale: 0.5).kind),
      ("gpt_neox", "mlp_act", ActivationFunction(.geluErf).kind),
      ("gpt_neox", "q_rope", Rotate(width: 2, frequencies: RotaryFrequencies(theta: 10_000)).kind),
      ("phi", "mlp_act", ActivationFunction(.geluTanh).kind),
      ("phi", "q_rope", Rotate(width: 4, frequencies: RotaryFrequencies(theta: 10_000)).kind),
    ])
  func whatNothingSays(family: String, name: String, kind: TouchstoneGraph.Operation.Kind) throws {
    #expect(Self.kind(name, try Self.architecture(family).graph) == kind)
  }

  /// Which tensors a model has, by how their names end: a list of those there and of those not.
  @Test(
    .clause("GRA-6", "GRA-7"),
    arguments: [
      ("opt", [:], ["model.decoder.final_layer_norm.bias"], ["lm_head.weight", "project_in.weight"]),
      ("opt", ["enable_bias": "false"], ["0.fc1.weight"], ["fc1.bias", "q_proj.bias"]),
      (
        "opt", ["_remove_final_layer_norm": "true"], ["0.final_layer_norm.bias"],
        ["decoder.final_layer_norm.bias"]
      ),
      ("opt", ["word_embed_proj_dim": "7"], ["decoder.project_in.weight", "decoder.project_out.weight"], []),
      ("imagegpt", [:], ["lm_head.weight", "ln_f.weight"], ["ln_f.bias"]),
      ("gptj", [:], ["lm_head.bias", "lm_head.weight", "fc_in.bias"], ["q_proj.bias", "out_proj.bias"]),
      ("gptj", ["tie_word_embeddings": "true"], ["lm_head.bias"], ["lm_head.weight"]),
      ("falcon", [:], ["0.input_layernorm.bias"], ["dense.bias", "lm_head.weight", "ln_attn.weight"]),
      (
        "falcon", ["new_decoder_architecture": "true", "num_kv_heads": "2"], ["ln_attn.bias", "ln_mlp.bias"],
        ["input_layernorm.weight"]
      ),
      (
        "falcon", ["parallel_attn": "false", "bias": "true"],
        ["post_attention_layernorm.bias", "query_key_value.bias", "dense_4h_to_h.bias"], ["ln_mlp.weight"]
      ),
      ("starcoder2", [:], ["o_proj.bias", "c_fc.bias"], ["lm_head.weight"]),
      ("starcoder2", ["use_bias": "false"], ["input_layernorm.bias"], ["o_proj.bias", "c_fc.bias"]),
      ("bloom", [:], ["word_embeddings_layernorm.bias", "dense.bias"], ["lm_head.weight"]),
      ("mpt", [:], ["norm_1.weight"], ["norm_1.bias", "lm_head.weight"]),
      ("gpt_neox", [:], ["embed_out.weight", "attention.dense.bias"], ["lm_head.weight"]),
      ("gpt_neox", ["attention_bias": "false"], ["dense_h_to_4h.bias"], ["attention.dense.bias"]),
      ("phi", [:], ["lm_head.bias", "self_attn.dense.bias"], ["q_layernorm.weight"]),
      ("phi", ["qk_layernorm": "true"], ["q_layernorm.bias", "k_layernorm.weight"], []),
    ] as [(String, [String: String], [String], [String])])
  func theTensorsOfAModel(
    family: String, fields: [String: String], there: [String], absent: [String]
  ) throws {
    let names = try Self.architecture(family, fields).graph.parameters.map(\.name)
    for end in there { #expect(names.contains { $0.hasSuffix(end) }, "\(end)") }
    for end in absent { #expect(!names.contains { $0.hasSuffix(end) }, "\(end)") }
  }

  /// Two spellings of one model give equal graphs.
  @Test(
    .clause("GRA-6"),
    arguments: [
      ("opt", ["word_embed_proj_dim": "12"], [:]),
      ("opt", ["layer_norm_elementwise_affine": "true", "tie_word_embeddings": "true"], [:]),
      ("imagegpt", ["n_inner": "null", "hidden_size": "12", "num_attention_heads": "3"], [:]),
      ("imagegpt", ["n_embd": "", "hidden_size": "12", "n_layer": "", "num_hidden_layers": "2"], [:]),
      ("gptj", ["rotary_dim": "64", "n_inner": "768", "rotary": "true", "scale_attn_weights": "true"], [:]),
      ("falcon", ["num_kv_heads": "6"], ["num_kv_heads": "1"]),
      ("falcon", ["hidden_size": "", "n_embed": "24", "ffn_hidden_size": "96", "ff_factor": "4"], [:]),
      (
        "falcon", ["rope_theta": "500.0", "rope_scaling": "{\"type\": \"linear\", \"factor\": 2.0}"],
        ["rope_parameters": "{\"rope_type\": \"linear\", \"factor\": 2.0, \"rope_theta\": 500.0}"]
      ),
      (
        "starcoder2", ["rope_theta": "500.0", "sliding_window": "null", "head_dim": "4"],
        ["rope_parameters": "{\"rope_type\": \"default\", \"rope_theta\": 500.0}"]
      ),
      ("bloom", ["hidden_size": "", "n_embed": "24", "pretraining_tp": "2", "n_inner": "null"], [:]),
      ("bloom", ["n_head": "", "num_attention_heads": "6", "n_layer": "", "num_hidden_layers": "2"], [:]),
      (
        "mpt",
        [
          "attn_config":
            "{\"alibi\": true, \"alibi_bias_max\": 8, \"clip_qkv\": null, \"softmax_scale\": null}",
          "expansion_ratio": "4", "no_bias": "true", "logit_scale": "null", "learned_pos_emb": "true",
        ], [:]
      ),
      (
        "gpt_neox", ["rotary_pct": "0.5", "rotary_emb_base": "500"],
        [
          "rope_parameters":
            "{\"rope_type\": \"default\", \"rope_theta\": 500.0, \"partial_rotary_factor\": 0.5}"
        ]
      ),
      (
        "gpt_neox", ["rotary_pct": "1.0", "rope_scaling": "{\"type\": \"linear\", \"factor\": 2.0}"],
        [
          "rope_parameters":
            "{\"rope_type\": \"linear\", \"factor\": 2.0, \"rope_theta\": 10000, \"partial_rotary_factor\": 1.0}"
        ]
      ),
      (
        "phi", ["partial_rotary_factor": "0.25", "rope_theta": "500"],
        [
          "rope_parameters":
            "{\"rope_type\": \"default\", \"rope_theta\": 500.0, \"partial_rotary_factor\": 0.25}"
        ]
      ),
    ] as [(String, [String: String], [String: String])])
  func spellingsOfOneModel(family: String, one: [String: String], other: [String: String]) throws {
    let (first, second) = (try Self.architecture(family, one), try Self.architecture(family, other))
    #expect(first.graph == second.graph)
    let again = try Architecture(huggingFaceJSON: Data(first.configJSON.utf8), file: "stored")
    #expect(again.graph == first.graph)
  }

  @Test(
    .clause("GRA-6"),
    arguments: [
      ("opt", ["layer_norm_elementwise_affine": "false"], "layer_norm_elementwise_affine"),
      ("opt", ["num_attention_heads": "5"], "num_attention_heads"), ("opt", ["ffn_dim": ""], "ffn_dim"),
      ("opt", ["head_dim": "5"], "head_dim"), ("opt", ["rope_theta": "100"], "rope_theta"),
      ("imagegpt", ["tie_word_embeddings": "true"], "tie_word_embeddings"),
      ("imagegpt", ["vocab_size": "1"], "vocab_size"),
      ("imagegpt", ["add_cross_attention": "true"], "add_cross_attention"),
      ("gptj", ["rotary_dim": "66"], "rotary_dim"), ("gptj", ["rotary_dim": "3"], "rotary_dim"),
      ("gptj", ["rotary_dim": "null"], "rotary_dim"), ("gptj", ["rotary_dim": "0"], "rotary_dim"),
      ("gptj", ["rope_theta": "500"], "rope_theta"),
      ("gptj", ["scale_attn_weights": "false"], "scale_attn_weights"),
      ("falcon", ["alibi": "true"], "alibi"),
      ("falcon", ["new_decoder_architecture": "true", "parallel_attn": "false"], "parallel_attn"),
      ("falcon", ["num_ln_in_parallel_attn": "2"], "num_ln_in_parallel_attn"),
      ("falcon", ["num_kv_heads": "3"], "num_kv_heads"),
      ("falcon", ["new_decoder_architecture": "true", "num_kv_heads": "4"], "num_kv_heads"),
      ("falcon", ["multi_query": "false", "num_kv_heads": "3"], "num_kv_heads"),
      ("falcon", ["activation": "\"geglu\""], "activation"), ("falcon", ["ff_factor": "3"], "ff_factor"),
      ("falcon", ["partial_rotary_factor": "0.5"], "rope_parameters.partial_rotary_factor"),
      ("starcoder2", ["norm_type": "\"rms_norm\""], "norm_type"),
      ("starcoder2", ["mlp_type": "\"gated\""], "mlp_type"),
      ("starcoder2", ["sliding_window": "0"], "sliding_window"),
      ("bloom", ["n_inner": "25"], "n_inner"), ("bloom", ["num_key_value_heads": "2"], "num_key_value_heads"),
      ("mpt", ["no_bias": "false"], "no_bias"), ("mpt", ["expansion_ratio": "3"], "expansion_ratio"),
      ("mpt", ["logit_scale": "2.0"], "logit_scale"), ("mpt", ["norm_type": "\"rmsnorm\""], "norm_type"),
      ("mpt", ["attn_config": "{\"alibi\": false}"], "attn_config.alibi"),
      ("mpt", ["attn_config": "{\"alibi_bias_max\": 16}"], "attn_config.alibi_bias_max"),
      ("mpt", ["attn_config": "{\"qk_ln\": true}"], "attn_config.qk_ln"),
      ("mpt", ["attn_config": "{\"prefix_lm\": true}"], "attn_config.prefix_lm"),
      ("mpt", ["attn_config": "{\"clip_qkv\": -1}"], "attn_config.clip_qkv"),
      ("mpt", ["attn_config": "{\"attn_type\": \"multiquery_attention\"}"], "attn_config.attn_type"),
      ("mpt", ["attn_config": "{\"attn_logit_softcapping\": 5}"], "attn_config.attn_logit_softcapping"),
      ("gpt_neox", ["rope_theta": "20"], "rope_theta"),
      ("gpt_neox", ["rotary_pct": "0.5", "partial_rotary_factor": "1"], "partial_rotary_factor"),
      ("gpt_neox", ["rotary_pct": "0.3", "hidden_size": "60"], "rope_parameters.partial_rotary_factor"),
      ("phi", ["num_key_value_heads": "4"], "num_key_value_heads"),
    ])
  func whatTheyDoNotComputeIsRefusedByName(family: String, fields: [String: String], place: String) {
    let error = #expect(throws: BadInput.self) { try Self.architecture(family, fields) }
    #expect(error?.file == "config.json" && error?.place == place, "\(error?.description ?? "")")
  }

  @Test(.clause("POS-10")) func positionsThatNobodyGivesCountTheVisible() throws {
    let graph = try Self.architecture("opt").graph
    #expect(graph.contextLength == 16)
    let mask = [false, false, true, true, false, true]
    let ids = [Int](repeating: 0, count: 6)
    let inputs = try Inputs(tokenIDs: ids, attentionMask: mask, graph: graph)
    #expect(inputs.positionIDs == [-1, -1, 0, 1, -1, 2])
    #expect(try Inputs(tokenIDs: ids, graph: graph).positionIDs == [0, 1, 2, 3, 4, 5])
    #expect(throws: BadInput.self) { try Inputs(tokenIDs: [0], positionIDs: [-2], graph: graph) }
    let other = try Self.architecture("imagegpt").graph
    let plain = try Inputs(tokenIDs: ids, attentionMask: mask, graph: other)
    #expect(plain.positionIDs == [0, 1, 2, 3, 4, 5])
    #expect(throws: BadInput.self) { try Inputs(tokenIDs: [0], positionIDs: [-1], graph: other) }
  }
}
