import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

/// The reference of each family against Hugging Face's own code in float64, tensor by tensor.
@Suite struct FamilyGoldenTests {
  /// A folder of `Fixtures/families`, or of the one that the environment names, with one of its configurations.
  struct Model: CustomTestStringConvertible, Sendable {
    let folder: URL
    let config: String
    var testDescription: String { "\(folder.lastPathComponent), \(config)" }
  }

  private static let tolerance = 1e-12
  private static let more = ProcessInfo.processInfo.environment["TOUCHSTONE_FAMILY_GOLDENS"]

  static let models: [Model] = {
    let roots = [Fixture.folder.appending(path: "families")] + (more.map { [URL(filePath: $0)] } ?? [])
    let folders = roots.flatMap { root in
      ((try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []).sorted().map {
        root.appending(path: $0)
      }
    }
    return folders.flatMap { folder in
      ["config.json", "config.v4.json"].filter {
        FileManager.default.fileExists(atPath: folder.appending(path: $0).path)
      }.map { Model(folder: folder, config: $0) }
    }
  }()

  @Test func everyFamilyButTheTwoOfTheirOwnTestsHasAFixture() throws {
    let families = try Self.models.map {
      try Architecture(
        huggingFaceJSON: Data(contentsOf: $0.folder.appending(path: $0.config)), file: $0.config
      ).family.name
    }
    #expect(Set(families) == Set(Family.all.map(\.name)).subtracting(["gpt2", "llama"]))
  }

  @Test(arguments: Family.all.flatMap(\.modelTypes)) func everyFamilyStandsInTheTable(type: String) throws {
    let readme = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "README.md")
    #expect(try String(contentsOf: readme, encoding: .utf8).contains("| `\(type)` |"))
  }

  @Test(.clause("GRA-3", "GRA-6", "GRA-7", "GRA-8", "GQA-1", "GQA-2"), arguments: models)
  func everyActivationIsHuggingFaces(model: Model) throws {
    let weights = try Self.weights(model, config: { $0 })
    let worst = try Self.deviations(of: weights, from: model).max { $0.1 < $1.1 }
    let (name, deviation) = try #require(worst)
    #expect(deviation <= Self.tolerance, "\(name): \(deviation) of the greatest magnitude")
    if Self.more != nil { print("deviation", deviation, model.testDescription) }
  }

  /// A wrong graph must not pass the comparison: each change of one number shows.
  @Test(arguments: [
    ("qwen2-window", "\"sliding_window\": 3", "\"sliding_window\": 4"),
    ("qwen2-window", "\"full_attention\"", "\"sliding_attention\""),
    ("qwen2-window", "\"rope_theta\": 100.0", "\"rope_theta\": 101.0"),
    ("qwen2-listed", "\"sliding_window\": 2", "\"sliding_window\": 1"),
    ("qwen2-listed", "\"gelu\"", "\"gelu_new\""), ("qwen2-listed", "\"factor\": 4.0", "\"factor\": 4.1"),
    ("qwen2-listed", "\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": 2e-05"),
    ("mistral-window", "\"sliding_window\": 4", "\"sliding_window\": null"),
    ("mistral-whole", "\"sliding_window\": null", "\"sliding_window\": 5"),
    ("gemma-untied", "\"hidden_act\": \"gelu\"", "\"hidden_act\": \"gelu_python\""),
    ("gemma-untied", "\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": 2e-05"),
    ("opt-bare", "\"gelu\"", "\"relu\""), ("imagegpt-layers", "_layer_idx\": true", "_layer_idx\": false"),
    ("imagegpt-layers", "0.01", "0.011"), ("gptj-tied", "\"rotary_dim\": 4", "\"rotary_dim\": 6"),
    ("falcon-sequence", "\"gelu_new\"", "\"gelu\""),
    ("starcoder2-window", "\"sliding_window\": 3", "\"sliding_window\": 4"),
    ("bloom-norms-added", "layernorm\": true", "layernorm\": false"),
    ("mpt-clipped", "\"clip_qkv\": 1.25", "\"clip_qkv\": 1.3"),
    ("mpt-clipped", "\"softmax_scale\": 0.4", "\"softmax_scale\": 0.41"),
    ("gpt_neox-sequence", "\"gelu_fast\"", "\"gelu\""),
    ("gpt_neox-parallel", "\"partial_rotary_factor\": 0.5", "\"partial_rotary_factor\": 0.25"),
    ("qwen3-window", "\"sliding_window\": 3", "\"sliding_window\": 2"),
    ("gemma2-caps", "\"attn_logit_softcapping\": 1.5", "\"attn_logit_softcapping\": 1.6"),
    ("gemma2-caps", "\"final_logit_softcapping\": 2.0", "\"final_logit_softcapping\": 2.1"),
    ("gemma2-caps", "\"query_pre_attn_scalar\": 7", "\"query_pre_attn_scalar\": 6"),
    ("gemma2-uncapped", "\"full_attention\"", "\"sliding_attention\""),
    ("gemma3-pattern", "\"rope_theta\": 1000.0", "\"rope_theta\": 1001.0"),
    ("gemma3-pattern", "\"rope_theta\": 50.0", "\"rope_theta\": 51.0"),
    ("gemma3-pattern", "\"factor\": 3.0", "\"factor\": 3.1"),
    ("gemma3-listed", "\"final_logit_softcapping\": 1.5", "\"final_logit_softcapping\": 1.6"),
    ("olmo2-biases", "\"rms_norm_eps\": 0.001", "\"rms_norm_eps\": 0.002"),
    ("phi3-long", "\"rope_theta\": 100.0", "\"rope_theta\": 101.0"),
    ("phi3-quarter", "\"partial_rotary_factor\": 0.25", "\"partial_rotary_factor\": 0.5"),
    ("mixtral-window", "\"num_experts_per_tok\": 3", "\"num_experts_per_tok\": 2"),
    ("mixtral-window", "\"sliding_window\": 4", "\"sliding_window\": 5"),
    ("mixtral-single", "\"gelu\"", "\"silu\""),
    ("qwen3_moe-dense", "\"norm_topk_prob\": false", "\"norm_topk_prob\": true"),
    ("gpt_oss-listed", "\"swiglu_limit\": 0.75", "\"swiglu_limit\": 0.8"),
    ("gpt_oss-listed", "\"factor\": 4.0", "\"factor\": 4.1"),
    ("gpt_oss-tied", "\"sliding_window\": 2", "\"sliding_window\": 3"),
    ("deepseek_v2-groups", "\"topk_group\": 2", "\"topk_group\": 1"),
    ("deepseek_v2-groups", "\"routed_scaling_factor\": 4.0", "\"routed_scaling_factor\": 4.1"),
    ("deepseek_v2-greedy", "\"mscale_all_dim\": 1.5", "\"mscale_all_dim\": 1.4"),
    ("deepseek_v3-groups", "\"topk_group\": 1", "\"topk_group\": 2"),
    ("deepseek_v3-halves", "\"norm_topk_prob\": false", "\"norm_topk_prob\": true"),
    ("deepseek_v3-halves", "\"rope_interleave\": false", "\"rope_interleave\": true"),
    ("bert-pretraining", "\"layer_norm_eps\": 1e-05", "\"layer_norm_eps\": 2e-05"),
    ("bert-pretraining", "\"relu\"", "\"gelu\""), ("roberta-padded", "\"silu\"", "\"gelu\""),
    ("modernbert-biases", "\"local_attention\": 4", "\"local_attention\": 2"),
    ("modernbert-plain", "\"rope_theta\": 50.0", "\"rope_theta\": 51.0"),
    ("clip_text-end", "\"eos_token_id\": 11", "\"eos_token_id\": 2"),
    ("clip_text-greatest", "\"eos_token_id\": 2", "\"eos_token_id\": 8"),
    ("clip_text-greatest", "\"quick_gelu\"", "\"gelu\""),
    ("t5-gated", "\"relative_attention_max_distance\": 9", "\"relative_attention_max_distance\": 5"),
    ("t5-gated", "\"layer_norm_epsilon\": 1e-05", "\"layer_norm_epsilon\": 2e-05"),
    ("t5-scaled", "\"feed_forward_proj\": \"gelu\"", "\"feed_forward_proj\": \"relu\""),
    ("bart-scaled", "\"relu\"", "\"gelu\""),
    ("marian-two-tables", "\"swish\"", "\"gelu\""),
    ("marian-odd", "\"decoder_attention_heads\": 3", "\"decoder_attention_heads\": 1"),
    ("vit-labels", "\"layer_norm_eps\": 1e-05", "\"layer_norm_eps\": 2e-05"),
    ("vit-pooled", "\"gelu_new\"", "\"gelu\""), ("vit-pooled", "\"silu\"", "\"tanh\""),
    ("clip_vision-shared", "\"quick_gelu\"", "\"gelu\""),
    ("clip_vision-bare", "\"layer_norm_eps\": 0.001", "\"layer_norm_eps\": 0.002"),
    ("whisper-features", "\"relu\"", "\"gelu\""),
    ("whisper-audio", "\"encoder_attention_heads\": 3", "\"encoder_attention_heads\": 1"),
  ])
  func aWrongNumberIsFound(folder: String, right: String, wrong: String) throws {
    let model = try #require(
      Self.models.first { $0.folder.lastPathComponent == folder && $0.config == "config.json" })
    let weights = try Self.weights(model) { text in
      #expect(text.contains(right))
      return text.replacing(right, with: wrong)
    }
    let deviations = try Self.deviations(of: weights, from: model)
    #expect(!deviations.allSatisfy { $0.1 <= Self.tolerance })
  }

  private static func weights(_ model: Model, config: (String) -> String) throws -> Weights {
    let text = try String(contentsOf: model.folder.appending(path: model.config), encoding: .utf8)
    let architecture = try Architecture(huggingFaceJSON: Data(config(text).utf8), file: model.config)
    let checkpoint = try Checkpoint(directory: model.folder)
    return try Weights(
      graph: architecture.graph, names: architecture.family.tensors, tensors: checkpoint.weights.stored)
  }

  /// How far each activation is from the recorded one, over its greatest magnitude; every dataset is compared.
  private static func deviations(of weights: Weights, from model: Model) throws -> [(String, Double)] {
    let fixture = try Fixture(model.folder.appending(path: "float64.h5").path)
    let weights = try weights.listening(by: fixture.sound()?.frontEnd)
    let readsArrays = weights.graph.readsArrays
    let mask = readsArrays ? [] : try fixture.integers(at: "inputs/attention_mask").map { $0 != 0 }
    let inputs =
      readsArrays
      ? try Inputs(arrays: fixture.arrays(), graph: weights.graph)
      : try Inputs(
        tokenIDs: try fixture.integers(at: "inputs/token_ids"),
        positionIDs: try fixture.integers(at: "inputs/position_ids"), attentionMask: mask,
        tokenTypeIDs: weights.graph.inputs.contains(.tokenTypeIDs)
          ? try fixture.integers(at: "inputs/token_type_ids") : nil,
        source: weights.graph.readsSource ? try fixture.source(weights.graph) : nil, graph: weights.graph)
    var expected = try fixture.datasets(below: "").filter { path, _ in
      !["inputs/", "provenance/"].contains(where: path.hasPrefix)
        || weights.graph.axes(of: Activation(path)) != nil
    }
    // Hugging Face averages all keys where a token sees none; ATT-14 says 0.
    let rules = weights.graph.operations.compactMap { ($0.kind.payload as? AttentionScores)?.visibility }
    let blind = Set(
      mask.indices.filter { query in
        rules.contains { rule in
          !mask.indices.contains { inputs.isVisible(key: $0, from: query, under: rule) }
        }
      })
    var deviations: [(String, Double)] = []
    // Tokens that see no key may go to other experts.
    var decided: [Activation: (own: Tensor<Double>, expected: Tensor<Double>)] = [:]
    try Executor(weights, inputs).run { activation, value in
      let found = expected.removeValue(forKey: activation.path)
      let selection = weights.graph.selection(of: activation)
      if case .expert? = selection, found == nil, let ids = selection?.decider.flatMap({ decided[$0] }) {
        // Nobody but tokens that see no key chose the expert.
        let tokens = selection?.tokens(of: inputs, decidedBy: ids.own) ?? []
        deviations.append((activation.path, blind.isSuperset(of: tokens) ? 0 : .infinity))
        return
      }
      let dataset = try #require(found, "\(activation)")
      let axes = try #require(weights.graph.axes(of: activation))
      if weights.graph.decisions.contains(activation) {
        decided[activation] = (value, try fixture.tensor(dataset).float64())
      }
      if let selection, let ids = selection.decider.flatMap({ decided[$0] }) {
        let own = selection.tokens(of: inputs, decidedBy: ids.own)
        let others = selection.tokens(of: inputs, decidedBy: ids.expected)
        deviations.append(
          (
            activation.path,
            deviation(
              rows(value, of: own, without: blind),
              from: rows(try fixture.tensor(dataset).float64(), of: others, without: blind), axes: axes,
              skippedTokens: [])
          ))
        return
      }
      deviations.append(
        (
          activation.path,
          deviation(
            value, from: try fixture.tensor(dataset).float64(), axes: axes,
            skippedTokens: weights.graph.isOfSource(activation) ? [] : blind)
        ))
    }
    for (activation, ids) in decided {
      for operation in weights.graph.operations {
        guard let selection = weights.graph.selection(of: operation.output), selection.decider == activation,
          expected.removeValue(forKey: operation.output.path) != nil
        else { continue }
        // The same the other way round.
        let tokens = selection.tokens(of: inputs, decidedBy: ids.expected)
        deviations.append((operation.output.path, blind.isSuperset(of: tokens) ? 0 : .infinity))
      }
    }
    #expect(expected.isEmpty, "not compared: \(expected.keys.sorted())")
    return deviations
  }
}
