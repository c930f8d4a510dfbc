import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// Routers and experts: decisions that rounding may make, what experts compute, and how a run that decided otherwise is judged.
@Suite struct ExpertTests {
  private static let sizes = """
    "vocab_size": 29, "hidden_size": 20, "num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 6,
    "num_key_value_heads": 2, "intermediate_size": 11, "num_local_experts": 5, "num_experts_per_tok": 2
    """
  static let models = [
    "{\"model_type\": \"mixtral\", \(sizes), \"sliding_window\": 5}",
    """
    {"model_type": "qwen3_moe", \(sizes), "moe_intermediate_size": 7, "norm_topk_prob": false,
     "decoder_sparse_step": 2}
    """,
    "{\"model_type\": \"gpt_oss\", \(sizes), \"swiglu_limit\": 0.7, \"sliding_window\": 4}",
    """
    {"model_type": "deepseek_v3", "vocab_size": 29, "hidden_size": 20, "num_hidden_layers": 2, "num_attention_heads": 3,
     "q_lora_rank": 7, "kv_lora_rank": 6, "qk_nope_head_dim": 5, "qk_rope_head_dim": 4, "v_head_dim": 3,
     "intermediate_size": 11, "moe_intermediate_size": 7, "n_routed_experts": 6, "num_experts_per_tok": 2, "n_group": 3,
     "topk_group": 2, "first_k_dense_replace": 1}
    """,
  ]

  /// Weights of a model; with `alike` the second and third expert of every router have the same logits.
  static func weights(
    _ text: String, _ kind: SyntheticModel = .probing, seed: UInt64, alike: Bool = false
  ) throws -> Weights {
    let architecture = try Architecture(huggingFaceJSON: Data(text.utf8), file: "config.json")
    let weights = try kind.weights(of: architecture.graph, names: architecture.family.tensors, seed: seed)
    var tensors = weights.stored
    for operation in architecture.graph.operations
    where alike && ["router_logits", "expert_ids"].contains(operation.output.name) {
      for view in operation.parameters {
        var values = weights.float32(view.parameter)
        let width = values.rowWidth == values.count ? 1 : values.rowWidth
        for column in 0..<width { values.values[2 * width + column] = values.values[width + column] }
        tensors[view.parameter.name] = StoredTensor(values)
      }
    }
    // What is added for the choice leaves no score above 0.
    for operation in architecture.graph.operations where operation.output.name == "expert_ids" {
      for view in operation.parameters {
        guard var values = tensors[view.parameter.name]?.float32() else { continue }
        values.values = values.values.map { $0 - 1 }
        tensors[view.parameter.name] = StoredTensor(values)
      }
    }
    return try Weights(graph: architecture.graph, names: architecture.family.tensors, tensors: tensors)
  }

  static func inputs(_ graph: Graph, isMasked: Bool = false) throws -> Inputs {
    try Inputs(
      tokenIDs: (0..<11).map { ($0 * 7 + 3) % 29 },
      attentionMask: isMasked ? (0..<11).map { $0 % 4 != 1 } : nil, graph: graph)
  }

  static func judge(_ weights: Weights) -> Judge { Judge(weights: weights, depth: .whole()) }

  // MARK: Right programs

  @Test(
    .clause("NUM-4", "MOE-1", "MOE-7", "MOE-8", "MOE-9", "MLA-3", "BND-36", "BND-37", "BND-38"),
    arguments: everyday(HonestArithmetic.ofFamilies.indices, each: 2))
  func everyHonestArithmeticIsConsistent(_ index: Int) throws {
    let arithmetic = HonestArithmetic.ofFamilies[index]
    let kind = SyntheticModel.allCases[index % SyntheticModel.allCases.count]
    for (place, model) in Self.models.enumerated()
    where place == index % Self.models.count || arithmetic.name.contains("expert") {
      let seed = UInt64(40 + index + place)
      let weights = try Self.weights(model, kind, seed: seed, alike: index % 2 == 0)
      let inputs = try Self.inputs(weights.graph, isMasked: index % 3 == 1)
      let capture = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
      let verdict = try Self.judge(weights).verdict(on: capture)
      #expect(verdict.outcome == .consistent, "\(arithmetic), \(kind), seed \(seed): \(verdict.flagged)")
    }
  }

  @Test(.clause("BND-12", "BND-36", "BND-38"), arguments: models, [ScalarType.bfloat16, .float16])
  func aNarrowEngineIsConsistent(_ model: String, _ type: ScalarType) throws {
    for (seed, form) in zip(
      7...9 as ClosedRange<UInt64>, [HonestArithmetic.RoutingForm.byLogits, .byProbabilities, .lastOfEqual])
    {
      let weights = try Self.weights(model, seed: seed, alike: seed == 8)
      var arithmetic = HonestArithmetic("narrow")
      (arithmetic.routing, arithmetic.storesSteps) = (form, seed == 9)
      let capture = try RecordedActivations(
        of: HonestTransformer(weights, arithmetic, precision: Precision(type)),
        inputs: Self.inputs(weights.graph))
      let verdict = try Self.judge(weights).verdict(on: capture)
      #expect(verdict.outcome == .consistent, "\(type), seed \(seed): \(verdict.flagged)")
    }
  }

  /// Most of what a gate lets through is greater than the 1 that is added: rounding that sum moves few elements.
  @Test(.clause("BND-34", "BND-20"), arguments: [ScalarType.bfloat16, .float16])
  func aSumThatIsNearlyAlwaysExactMayBeStored(_ type: ScalarType) throws {
    let model = """
      {"model_type": "gpt_oss", "vocab_size": 29, "hidden_size": 20, "num_hidden_layers": 1, "num_attention_heads": 2,
       "head_dim": 6, "num_key_value_heads": 1, "intermediate_size": 48, "num_local_experts": 2, "num_experts_per_tok": 1,
       "swiglu_limit": 7, "sliding_window": 40}
      """
    let own = try Self.weights(model, .trainedLike, seed: 12)
    var tensors = own.stored
    for view in own.graph.operations.filter({ $0.output.name == "mlp_up" }).flatMap(\.parameters) {
      var values = own.float32(view.parameter)
      let size = (values.values.reduce(0) { $0 + $1 * $1 } / Float(values.count)).squareRoot()
      values.values = values.values.map { $0 / size * (values.shape.count > 2 ? 0.7 : 1) }
      tensors[view.parameter.name] = StoredTensor(values)
    }
    let weights = try Weights(
      graph: own.graph, names: TensorNames(root: ""), tensors: tensors)
    let inputs = try Inputs(tokenIDs: (0..<60).map { ($0 * $0 + 3) % 29 }, graph: weights.graph)
    let fault = Fault("planted", "the sum is stored", .precision, of: Product.self, practice: "a test") {
      own, site in
      let (act, up) = (site.activations[0], site.activations[1])
      let values = zip(act.values, up.values).map { act, up in
        act * type.rounded(min(max(up, -(own.limit ?? 0)), own.limit ?? 0) + own.plus)
      }
      return Tensor(values, shape: act.shape)
    }
    let gates = weights.graph.operations.filter { ($0.kind.payload as? Product)?.plus == 1 }.map(\.output)
    let capture = RecordedActivations(
      weights: weights, inputs: inputs, precision: Precision(type),
      planting: Dictionary(uniqueKeysWithValues: gates.map { ($0, fault) }))
    let verdict = try Self.judge(weights).verdict(on: capture)
    #expect(!gates.isEmpty && verdict.outcome == .consistent, "\(verdict.flagged)")
  }

  // MARK: Decisions

  /// Two experts whose logits are always equal: whichever is taken is right, what it made is judged, and it is said.
  @Test(.clause("MOE-2", "BND-36"), arguments: models) func anEqualExpertMayBeTaken(_ model: String) throws {
    var (told, judged) = (0, 0)
    for seed in 1...4 as ClosedRange<UInt64> {
      let weights = try Self.weights(model, seed: seed, alike: true)
      let inputs = try Self.inputs(weights.graph)
      var arithmetic = HonestArithmetic("the last of equal ones")
      arithmetic.routing = .lastOfEqual
      let capture = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
      let golden = RecordedActivations(weights: weights, inputs: inputs, precision: Precision(.float64))
      let verdict = try Self.judge(weights).verdict(on: capture, golden: golden)
      #expect(verdict.outcome == .consistent, "seed \(seed): \(verdict.flagged)")
      let moved = try weights.graph.decisions.filter { decision in
        let (own, due) = (try #require(capture.tensors[decision]), try #require(golden.tensors[decision]))
        return (0..<due.rowCount).contains { Set(own.row($0)) != Set(due.row($0)) }
      }
      told += verdict.notes.count { $0.contains("could choose other experts") }
      #expect(moved.isEmpty || verdict.notes.contains { $0.contains("expert_ids for token") }, "seed \(seed)")
      // The expert that ran is judged, not the one of the golden.
      let made = weights.graph.operations.map(\.output).last {
        $0.name.hasPrefix("experts/002/mlp_gated") && capture.tensors[$0] != nil
      }
      guard let made else { continue }
      judged += 1
      var wrong = capture
      wrong.tensors[made]?.values[0] += 1
      #expect(try Self.judge(weights).verdict(on: wrong).flagged.first?.activation == made, "seed \(seed)")
    }
    #expect(told > 0 && judged > 0)
  }

  /// Nothing is recomputed behind a choice that was not recorded; with clear decisions the floor speaks, else nothing does.
  @Test(.clause("BND-36"), arguments: [false, true]) func whatWasDecidedMustBeRecorded(_ alike: Bool) throws {
    let weights = try Self.weights(Self.models[0], seed: 12, alike: alike)
    let inputs = try Self.inputs(weights.graph)
    var capture = try RecordedActivations(
      of: HonestTransformer(weights, HonestArithmetic.all[9]), inputs: inputs)
    capture.tensors = capture.tensors.filter { $0.key.name == "final/logits" || $0.key.name == "resid_in" }
    let alone = try Self.judge(weights).verdict(on: capture)
    #expect(alone.outcome == .inconclusive, "\(alone.flagged)")
    #expect(alone.notCompared.contains { $0.why.contains("expert_ids is not recorded") })
  }
}
