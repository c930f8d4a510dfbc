import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

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
    "{\"model_type\": \"gpt_oss\", \(sizes), \"swiglu_limit\": 0.75, \"sliding_window\": 4}",
    """
    {"model_type": "deepseek_v3", "vocab_size": 29, "hidden_size": 20, "num_hidden_layers": 2, "num_attention_heads": 3,
     "q_lora_rank": 7, "kv_lora_rank": 6, "qk_nope_head_dim": 5, "qk_rope_head_dim": 4, "v_head_dim": 3,
     "intermediate_size": 11, "moe_intermediate_size": 7, "n_routed_experts": 6, "num_experts_per_tok": 2, "n_group": 3,
     "topk_group": 2, "first_k_dense_replace": 1}
    """,
  ]

  /// Weights of a model; with `alike` the second and third expert of every router have the same logits.
  private static func weights(
    _ text: String, _ kind: SyntheticModel = .probing, seed: UInt64, alike: Bool = false
  ) throws -> Weights {
    let architecture = try Architecture(huggingFaceJSON: Data(text.utf8), file: "config.json")
    let weights = try kind.weights(of: architecture.graph, names: architecture.family.tensors, seed: seed)
    guard alike else { return weights }
    var tensors = weights.stored
    for operation in architecture.graph.operations
    where ["router_logits", "expert_ids"].contains(operation.output.name) {
      for view in operation.parameters {
        var values = weights.float32(view.parameter)
        let width = values.rowWidth == values.count ? 1 : values.rowWidth
        for column in 0..<width { values.values[2 * width + column] = values.values[width + column] }
        tensors[view.parameter.name] = StoredTensor(values)
      }
    }
    return try Weights(graph: architecture.graph, names: architecture.family.tensors, tensors: tensors)
  }

  private static func inputs(_ graph: Graph, isMasked: Bool = false) throws -> Inputs {
    try Inputs(
      tokenIDs: (0..<11).map { ($0 * 7 + 3) % 29 },
      attentionMask: isMasked ? (0..<11).map { $0 % 4 != 1 } : nil, graph: graph)
  }

  private static func judge(_ weights: Weights) -> Judge { Judge(weights: weights, depth: .whole()) }

  // MARK: Right programs

  @Test(
    .clause("NUM-4", "MOE-1", "MOE-7", "MOE-8", "MOE-9", "MLA-3", "BND-36", "BND-37", "BND-38"),
    arguments: HonestArithmetic.ofFamilies.indices)
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

  // MARK: Decisions

  /// Two experts whose logits are always equal: whichever is taken is right, what it made is judged, and it is said.
  @Test(.clause("MOE-2", "BND-36"), arguments: models) func anEqualExpertMayBeTaken(_ model: String) throws {
    var told = 0
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
      let made = try #require(
        weights.graph.operations.map(\.output).last {
          $0.name.hasPrefix("experts/002/mlp_gated") && capture.tensors[$0] != nil
        })
      var wrong = capture
      wrong.tensors[made]?.values[0] += 1
      #expect(try Self.judge(weights).verdict(on: wrong).flagged.first?.activation == made, "seed \(seed)")
    }
    #expect(told > 0)
  }

  /// An expert whose share is less by more than rounding is no choice; one that is less by less is.
  @Test(.clause("BND-36")) func theBoundOfAChoiceIsItsFormula() {
    let rounding = Rounding(.float32)
    let kind = RouteIDs(2)
    let operation = Operation(kind.kind, Activation("ids"), from: [Activation("x")])
    for step in [0.0, 0x1p-24, 0x1p-22, 0x1p-20, 0x1p-18, 1e-3, 1] {
      let logits = [0.5, 3, 1 - step, 1, -2].map { Double(Float($0)) }
      let x = Operand(values: Tensor(logits, shape: [1, 5]))
      var site = JudgedSite(
        operation: operation, activations: [x], parameters: [], inputs: Definition.oneToken,
        storedType: .float32)
      // The third expert for the fourth, in either place.
      for got in [[1.0, 2], [2, 1]] {
        site.output = Tensor(got, shape: [1, 2])
        let found = kind.estimate(site, rounding)
        let shares = BoundFormulas.softmax(logits)
        let p = softmax(logits)
        let place = got[0] == 2 ? 0 : 1
        #expect(found.values.values[1 - place] == 1 && found.bounds[1 - place] == Bound(0))
        if logits[2] == logits[3] {
          // Equal ones: the definition takes the first.
          #expect(found.values.values[place] == 2)
        } else {
          #expect(found.values.values[place] == 3)
          let isNear = p[3] - p[2] <= shares[2].stat + shares[3].stat
          #expect((found.bounds[place].zone(of: 1) == .consistent) == isNear, "\(step)")
        }
      }
    }
    let x = Operand(values: Tensor([0.5, 3, 1, 1, -2], shape: [1, 5]))
    for wrong in [[1.0, 1], [1, 5], [1, -1], [1, 1.5], [1, 4], [.nan, 1]] {
      var site = JudgedSite(
        operation: operation, activations: [x], parameters: [], inputs: Definition.oneToken,
        storedType: .float32)
      site.output = Tensor(wrong, shape: [1, 2])
      let found = kind.estimate(site, rounding)
      let comparison = ElementComparison(
        got: Tensor(wrong, shape: [1, 2]), want: found, greatest: .greatestFiniteMagnitude,
        isJudged: { _ in true })
      #expect(comparison.zone >= .fail, "\(wrong)")
    }
  }

  private func softmax(_ x: [Double]) -> [Double] {
    let powers = x.map { exp($0 - (x.max() ?? 0)) }
    return powers.map { $0 / powers.reduce(0, +) }
  }

  /// A choice out of another group is right where the group comes near, and one out of too many groups never.
  @Test(.clause("MOE-8", "BND-36"), arguments: [0.0, 0x1p-25, 1e-3]) func anEqualGroupMayBeTaken(
    _ step: Double
  ) {
    let logits = [5, 4, 1, 1, 1 - step, 1].map { Double(Float($0)) }
    func isRight(_ got: [Double], _ rule: ExpertGroups.Rule) -> Bool {
      let kind = RouteIDs(got.count, by: .sigmoid, groups: ExpertGroups(3, keeping: 2, by: rule))
      var site = JudgedSite(
        operation: Operation(kind.kind, Activation("ids"), from: [Activation("x")]),
        activations: [Operand(values: Tensor(logits, shape: [1, 6]))], parameters: [],
        inputs: Definition.oneToken, storedType: .float32)
      site.output = Tensor(got, shape: [1, got.count])
      let found = kind.estimate(site, Rounding(.float32))
      return got.indices.allSatisfy {
        found.bounds[$0].zone(of: abs(got[$0] - found.values.values[$0])) == .consistent
      }
    }
    for rule in ExpertGroups.Rule.allCases {
      #expect(isRight([0, 1, 2], rule) && isRight([1, 2, 0], rule))
      #expect(isRight([0, 1, 5], rule) == (step < 1e-3 || rule == .best), "\(rule)")
      #expect(!isRight([0, 1, 2, 5], rule) && !isRight([0, 2, 3], rule) && !isRight([0, 1, 1], rule))
    }
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

  // MARK: Wrong programs

  /// Each is planted where it can be, proven there, and named.
  @Test(
    .clause(
      "MOE-3", "MOE-4", "MOE-5", "MOE-6", "MOE-7", "MOE-8", "MOE-9", "MOE-10", "MLA-3", "ATT-31", "GLU-4"),
    arguments: models.indices)
  func everyMistakeOfExpertsIsFound(_ index: Int) throws {
    let weights = try Self.weights(Self.models[index], seed: UInt64(20 + index))
    let inputs = try Self.inputs(weights.graph)
    let faults = Fault.catalogue(of: weights.graph).filter { fault in
      ["router.", "experts.", "joined.", "sink.", "activation.limit"].contains(where: fault.id.hasPrefix)
    }
    #expect(faults.count > 25)
    for fault in faults {
      let sites = fault.sites(in: weights.graph).map(\.output)
      var isShown = false
      for site in sites.prefix(8) {
        let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [site: fault])
        guard capture.tensors != RecordedActivations(weights: weights, inputs: inputs).tensors else {
          continue
        }
        isShown = true
        let verdict = try Self.judge(weights).verdict(on: capture)
        #expect(verdict.flagged.first?.activation == site, "\(fault) at \(site)")
        let named = verdict.cause.map { [$0.id] + $0.equivalents } ?? []
        #expect(named.contains(fault.id), "\(fault) at \(site): \(named)")
        break
      }
      #expect(isShown, "\(fault)")
    }
  }

  /// Every kind of fault anywhere in such a model, and no false alarm.
  @Test(.clause("GRA-1"), arguments: models.indices) func mostFaultsOfSuchAModelAreCaught(_ index: Int) throws
  {
    let weights = try Self.weights(Self.models[index], seed: UInt64(30 + index))
    let table = try PowerTable(weights: weights, inputs: Self.inputs(weights.graph), temperature: 0.7)
    #expect(table.falseAlarms.isEmpty)
    #expect(table.total().share > 0.9, "\(table.total()), surviving \(table.survivors)")
  }

  /// Rows of an expert that are not as many as the tokens that chose it.
  @Test(.clause("MOE-5")) func rowsThatNobodyChoseAreAWrongShape() throws {
    let weights = try Self.weights(Self.models[0], seed: 3)
    let inputs = try Self.inputs(weights.graph)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    let name = try #require(
      weights.graph.operations.map(\.output).first {
        capture.tensors[$0] != nil && $0.name.hasSuffix("/mlp_up")
      })
    let tensor = try #require(capture.tensors[name])
    capture.tensors[name] = Tensor(
      tensor.values + tensor.row(0), shape: [tensor.rowCount + 1, tensor.rowWidth])
    let flagged = try Judge(weights: weights).verdict(on: capture).flagged
    #expect(flagged.contains { $0.activation == name && $0.problem?.contains("shape") == true }, "\(flagged)")
  }

  // MARK: Formulas

  /// Of two equal weights by logistic functions, each relative error is that of its function, their mean, and the steps.
  @Test(.clause("BND-37", "MOE-9")) func theBoundOfALogisticWeightIsItsFormula() {
    let kind = RouteWeights(isNormalised: true, factor: 2.5, by: .sigmoid)
    let operands = [Tensor([0.5, 0.5, -3], shape: [1, 3]), Tensor([1.0, 0], shape: [1, 2])]
    let found = Rounding(.float32).estimate(
      Operation(kind.kind, Activation("w"), from: [Activation("x"), Activation("ids")]),
      operands.map { Operand(values: $0) }, [], inputs: Definition.oneToken)
    let one = ActivationFunction(.sigmoid)
    let own = Rounding(.float32).estimate(
      Operation(one.kind, Activation("y"), from: [Activation("x")]), [Operand(values: operands[0])], [],
      inputs: Definition.oneToken)
    let (share, error) = (own.values.values[0], own.bounds[0])
    for bound in found.bounds {
      let want =
        error.map { 1.25 * expm1(2 * log1p($0 / share) + 5 * BoundFormulas.u) }
        + 20 * BoundFormulas.flush * (1 + 0.5 / share)
      let difference = BoundFormulas.difference(bound, want)
      #expect(difference == nil, "\(difference ?? "")")
    }
  }

  @Test(.clause("BND-37"), arguments: [true, false]) func theBoundOfAWeightIsItsFormula(_ isNormalised: Bool)
  {
    let kind = RouteWeights(isNormalised: isNormalised, factor: 2.5)
    let logits = [0.5, 3, -7, 1, -2].map { Double(Float($0)) }
    let operands = [Tensor(logits, shape: [1, 5]), Tensor([3.0, 0, 2], shape: [1, 3])]
    let found = Rounding(.float32).estimate(
      Operation(kind.kind, Activation("w"), from: [Activation("x"), Activation("ids")]),
      operands.map { Operand(values: $0) }, [], inputs: Definition.oneToken)
    let (p, ofShares) = (softmax(logits), BoundFormulas.softmax(logits))
    let total = p[3] + p[0] + p[2]
    for (place, expert) in [3, 0, 2].enumerated() {
      let want: Bound
      if isNormalised {
        func e(_ expert: Int) -> Bound { ofShares[expert].map { log1p($0 / p[expert]) } }
        let mean = [3, 0, 2].reduce(Bound(0)) { $0 + p[$1] / total * e($1) }
        let weight = 2.5 * p[expert] / total
        want =
          (e(expert) + mean + 6 * BoundFormulas.u).map { weight * expm1($0) }
          + 20 * BoundFormulas.flush * (1 + 1 / total)
      } else {
        want = 2.5 * ofShares[expert] + 2 * BoundFormulas.u * 2.5 * p[expert]
      }
      let difference = BoundFormulas.difference(found.bounds[place], want)
      #expect(difference == nil, "\(expert): \(difference ?? "")")
    }
  }

  @Test(.clause("BND-38"), arguments: [ScalarType.float32, .bfloat16]) func theBoundOfAMixtureIsItsFormula(
    _ type: ScalarType
  ) {
    let operands = [
      Tensor([1.0, 0], shape: [1, 2]), Tensor([0.75, 0.2], shape: [1, 2]),
      Tensor([3.25, -1], shape: [1, 2]),
      Tensor([-0.5, 7], shape: [1, 2]),
    ]
    let found = Rounding(Precision(type)).estimate(
      Operation(Mixture().kind, Activation("y"), from: []), operands.map { Operand(values: $0) }, [],
      inputs: Definition.oneToken)
    for column in 0..<2 {
      let terms = [0.75 * operands[3].values[column], 0.2 * operands[2].values[column]]
      let magnitude = terms.map(abs).reduce(0, +)
      let ofStoring = type == .float32 ? 0 : 1.5 * type.spacing(around: magnitude)
      let want = BoundFormulas.sum(terms) + (5 * BoundFormulas.flush + ofStoring)
      let difference = BoundFormulas.difference(found.bounds[column], want)
      #expect(difference == nil, "\(column): \(difference ?? "")")
    }
  }

  @Test(.clause("BND-39")) func aClippedArgumentErrsByTheLimitAtMost() {
    let kind = ActivationFunction(.quickGELU, limit: 1.5)
    func bound(_ x: Double, _ error: Double) -> Double {
      Rounding(.float32).estimate(
        Operation(kind.kind, Activation("y"), from: [Activation("x")]),
        [Operand(values: Tensor([x], shape: [1, 1]), error: [Bound(error)])], [], inputs: Definition.oneToken
      ).bounds[0].det
    }
    let own = BoundFormulas.quickGELU(1.5)
    #expect(abs(bound(9, 1e-3) - own - 1.1 * 1.5 * BoundFormulas.u) < 1e-12)
    #expect(abs(bound(1, 1e-3) - BoundFormulas.quickGELU(1) - 1.1e-3) < 1e-12)
    #expect(bound(1.5, 1e-3) > 1.1e-3)
    // What is beyond the limit is as near as the limit is.
    #expect(bound(1.5 + 1e-2, 1e-3) < 1e-6)
  }

  /// Sinks are one more entry of each row.
  @Test(.clause("ATT-31", "BND-8")) func theBoundOfAWeightBesideASinkIsThatOfASoftmax() throws {
    let inputs = Definition.oneToken
    let scores = Tensor([0.5, -1.0], shape: [2, 1, 1])
    let sinks = ParameterOperand([0.25, 3])
    let found = Rounding(.float32).estimate(
      Operation(AttentionProbabilities().kind, Activation("p"), from: [Activation("s")]),
      [Operand(values: scores)], [sinks], inputs: inputs)
    for (head, pair) in [[0.5, 0.25], [-1.0, 3]].enumerated() {
      #expect(abs(found.values.values[head] - softmax(pair)[0]) < 1e-15)
      let want = BoundFormulas.softmax(pair)[0]
      let difference = BoundFormulas.difference(found.bounds[head], want)
      #expect(difference == nil, "\(head): \(difference ?? "")")
    }
  }
}
