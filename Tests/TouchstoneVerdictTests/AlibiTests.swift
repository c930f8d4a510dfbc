import Foundation
import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// Biases on scores: their bounds, the programs that are right, those that are not, and clipped projections.
@Suite struct AlibiTests {
  private static let headCounts = [1, 2, 3, 5, 6, 8, 12, 16, 40, 71]

  private func inputs(_ graph: Graph, count: Int = 11, isMasked: Bool = false) throws -> Inputs {
    try Inputs(
      tokenIDs: (0..<count).map { ($0 * 7 + 3) % 41 },
      attentionMask: isMasked ? (0..<count).map { $0 % 4 != 1 } : nil, graph: graph)
  }

  private func sequence(_ count: Int, mask: [Bool]? = nil) throws -> Inputs {
    let table = ParameterView(Parameter("e", [41, 1]))
    let graph = try Graph(validating: [
      Operation(Embedding(.tokenIDs).kind, Activation("embed/token"), with: [table])
    ])
    return try Inputs(
      tokenIDs: [Int](repeating: 0, count: count), attentionMask: mask, graph: graph)
  }

  private func estimate(_ kind: Alibi, _ inputs: Inputs) -> Estimate {
    Rounding(Precision(.float32)).estimate(
      Operation(kind.kind, Activation("embed/attn_bias")), [], [], inputs: inputs)
  }

  // MARK: The bound

  @Test(.clause("BND-30", "ALI-1", "ALI-3"), arguments: headCounts)
  func theBoundIsItsFormula(_ heads: Int) throws {
    let found = estimate(Alibi(heads: heads, form: .mpt), try sequence(5))
    var whole = 1
    while 2 * whole <= heads { whole *= 2 }
    for head in 0..<heads {
      let term = head < whole ? head + 1 : 2 * (head - whole) + 1
      let slope = pow(2, -8 * Double(term) / Double(head < whole ? whole : 2 * whole))
      for key in 0..<5 {
        let want = slope * Double(key - 4)
        let value = found.values[head, 3, key]
        #expect(abs(value - want) <= 1e-14 * abs(want), "head \(head)")
        let bound = Double(2 * term + 13) * BoundFormulas.u * abs(value) + BoundFormulas.flush
        let difference = BoundFormulas.difference(found.bounds[(head * 5 + 3) * 5 + key], Bound(bound))
        #expect(difference == nil, "head \(head): \(difference ?? "")")
      }
    }
  }

  /// How near each form of slopes comes to its bound.
  private func worst(_ form: HonestArithmetic.RotaryForm, heads: Int, count: Int) throws -> Double {
    var arithmetic = HonestArithmetic("slopes")
    arithmetic.rotary = form
    let (kind, inputs) = (Alibi(heads: heads, form: .bloom), try sequence(count))
    let found = estimate(kind, inputs)
    let got = kind.value(
      HonestOperands(activations: [], parameters: [], inputs: inputs, stored: { $0 }), by: arithmetic)
    return got.values.enumerated().map { offset, value in
      abs(Double(value) - found.values.values[offset]) / max(found.bounds[offset].stat, 1e-300)
    }.max() ?? .infinity
  }

  @Test(.clause("BND-30"), arguments: HonestArithmetic.RotaryForm.allCases, headCounts)
  func everyRightProgramIsWithinTheBound(_ form: HonestArithmetic.RotaryForm, _ heads: Int) throws {
    #expect(try worst(form, heads: heads, count: 37) <= 1)
  }

  @Test(.enabled(if: !studySeeds.isEmpty, "set TOUCHSTONE_STUDY to seeds to measure slopes"))
  func measured() throws {
    for form in HonestArithmetic.RotaryForm.allCases {
      let found = try [4, 7, 11, 20, 32, 64, 112].map { try worst(form, heads: $0, count: 50) }
      print("ALIBI \(form): \(found)")
    }
  }

  @Test(.clause("BND-31"), arguments: [ScalarType.float32, .bfloat16])
  func aBiasAddsItsErrorAndOneRounding(_ type: ScalarType) throws {
    let rounding = Rounding(Precision(type))
    let inputs = try sequence(2)
    let query = Operand(values: Tensor([0.5, -3, 2, 0.25], shape: [1, 2, 2]))
    let key = Operand(values: Tensor([1.5, 2, -1, 7], shape: [1, 2, 2]))
    let bias = Operand(
      values: Tensor([0.5, -0.25, 100, -7], shape: [1, 2, 2]),
      error: [Bound](repeating: Bound(1e-3), count: 4))
    let names = ["q", "k", "b"].map { Activation($0) }
    func scores(_ count: Int) -> Estimate {
      rounding.estimate(
        Operation(AttentionScores(scale: 0.3).kind, Activation("s"), from: Array(names[..<count])),
        Array([query, key, bias][..<count]), [], inputs: inputs)
    }
    let (plain, biased) = (scores(2), scores(3))
    for offset in [0, 2, 3] {
      let product = plain.values.values[offset]
      let sum = product + bias.values.values[offset]
      #expect(biased.values.values[offset] == sum)
      let stored = rounding.stored(plain.bounds[offset], product, as: type)
      let want = stored + (1e-3 + rounding.unit * abs(sum) + rounding.underflow)
      #expect(BoundFormulas.difference(biased.bounds[offset], want) == nil)
    }
    #expect(biased.values.values[1] == -.infinity)
  }

  @Test(.clause("ALI-4", "ATT-29")) func whereKeysAreCountedFromChangesNoProbability() throws {
    let inputs = try sequence(7)
    var random = SplitMix64(seed: 0xA11B)
    let heads = (0..<2).map { _ in
      Tensor((0..<3 * 7 * 4).map { _ in Double.random(in: -1...1, using: &random) }, shape: [3, 7, 4])
    }
    let probabilities = [Alibi.Form.bloom, .mpt].map { form in
      let bias = Alibi(heads: 3, form: form).value(Operands([], parameters: []), in: inputs)
      let scores = AttentionScores(scale: 0.5).value(
        Operands(heads + [bias], parameters: []), in: inputs)
      return AttentionProbabilities().value(Operands([scores], parameters: []), in: inputs)
    }
    for (one, other) in zip(probabilities[0].values, probabilities[1].values) {
      #expect(abs(one - other) <= 1e-14)
    }
  }

  // MARK: Clipping

  @Test(.clause("BND-32", "ATT-30")) func clippingWidensNoBound() throws {
    let x = Operand(values: Tensor([1, 2, -3, 0.5], shape: [2, 2]))
    let weight = ParameterView(Parameter("w", [3, 2]))
    let values = StoredTensor(Tensor<Float>([0.25, 0.5, 3, 1, -2, 0.125], shape: [3, 2]))
    func estimate(_ kind: Linear) throws -> Estimate {
      Rounding(Precision(.float32)).estimate(
        Operation(kind.kind, Activation("q"), from: [Activation("x")], with: [weight]), [x],
        [ParameterOperand(values, weight)], inputs: try sequence(2))
    }
    let (plain, clipped) = (try estimate(Linear()), try estimate(Linear(limit: 2)))
    #expect(clipped.values.values == [1.25, 2, -1.75, -0.5, -2, 2])
    for offset in plain.bounds.indices {
      let isClipped = abs(plain.values.values[offset]) > 2
      #expect(
        clipped.bounds[offset].det
          == (isClipped ? ScalarType.float32.unitRoundoff * 2 : plain.bounds[offset].det))
    }
  }

  /// A product that is stored before its bias is added is clipped once, behind the bias.
  @Test(.clause("BND-16", "BND-32")) func aStoredProductIsClippedBehindItsBias() throws {
    let kind = Linear(limit: 2)
    let views = [ParameterView(Parameter("w", [1, 2])), ParameterView(Parameter("b", [1]))]
    let operation = Operation(kind.kind, Activation("y"), from: [Activation("x")], with: views)
    let site = JudgedSite(
      operation: operation, activations: [Operand(values: Tensor([2, 1], shape: [1, 2]))],
      parameters: [
        ParameterOperand(StoredTensor(Tensor<Float>([2, 1], shape: [1, 2])), views[0]),
        ParameterOperand(StoredTensor(Tensor<Float>([-4], shape: [1])), views[1]),
      ], inputs: try sequence(1), storedType: .bfloat16)
    let policy = Alternative(policy: .storedProduct, parameters: .rounded, storesProduct: true)
    let found = try #require(
      kind.estimate(site, by: policy, recorded: nil, Rounding(Precision(.bfloat16))))
    // 5 − 4, and not clip(5) − 4.
    #expect(found.values.values == [1])
  }

  // MARK: In a model

  /// A block with biased scores and clipped projections.
  static func weights(_ form: Alibi.Form, heads: Int = 3, seed: UInt64) throws -> Weights {
    var g = GraphBuilder(root: "model.", layout: .outputsFirst)
    let table = g.parameter("embed_tokens.weight", 41, 24)
    let x = g.embedding("embed/token", .tokenIDs, in: table)
    let bias = g.alibi("embed/attn_bias", Alibi(heads: heads, form: form))
    var y = x
    g.block(0, parameters: "layers.0.") { b in
      let norm = b.layerNorm("ln_1", x, LayerNorm(epsilon: 1e-5), "norm", hasBias: false)
      let made = ["q", "k", "v"].map {
        b.linear($0, norm, $0, outputs: 24, hasBias: false, heads: heads, limit: 2.5)
      }
      let context = b.attention(query: made[0], key: made[1], value: made[2], scale: 0.5, bias: bias)
      y = b.sum("resid_mid", x, b.linear("attn_out", context, "o", outputs: 24, hasBias: false))
    }
    let last = g.layerNorm("final/ln_f", y, LayerNorm(epsilon: 1e-5), "norm", hasBias: false)
    let graph = try g.graph(
      readingOut: last, rowsOf: table, bias: Parameter("lm_head.bias", [41]))
    return try SyntheticModel.probing.weights(
      of: graph, names: TensorNames(root: "model."), seed: seed)
  }

  @Test(.clause("NUM-4", "BND-30", "BND-31", "BND-32"), arguments: HonestArithmetic.ofFamilies)
  func everyHonestArithmeticIsConsistent(_ arithmetic: HonestArithmetic) throws {
    let weights = try Self.weights(arithmetic.fusesResidual ? .mpt : .bloom, heads: 12, seed: 2)
    let inputs = try inputs(weights.graph, isMasked: true)
    let capture = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
    let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
  }

  @Test(.clause("BND-12", "BND-31"), arguments: [ScalarType.bfloat16, .float16])
  func aNarrowEngineIsConsistent(_ type: ScalarType) throws {
    let weights = try Self.weights(.bloom, seed: 5)
    let inputs = try inputs(weights.graph)
    for arithmetic in [HonestArithmetic("plain"), HonestArithmetic("fused", fusesAttention: true)] {
      let capture = try RecordedActivations(
        of: HonestTransformer(weights, arithmetic, precision: Precision(type)), inputs: inputs)
      let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
      #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
    }
  }

  @Test(.clause("ALI-1", "ALI-2", "ATT-29", "ATT-30"), arguments: [Alibi.Form.bloom, .mpt])
  func everyFaultIsProven(_ form: Alibi.Form) throws {
    // Twelve heads have slopes that are no powers of two.
    let weights = try Self.weights(form, heads: 12, seed: 6)
    let inputs = try inputs(weights.graph, count: 15, isMasked: true)
    let faults = Fault.catalogue(of: weights.graph).filter { fault in
      ["alibi.", "attention.bias-", "linear.limit"].contains(where: fault.id.hasPrefix)
    }
    #expect(faults.count == 27)
    let right = RecordedActivations(weights: weights, inputs: inputs)
    var shown: Set<String> = []
    for fault in faults {
      for site in fault.sites(in: weights.graph).map(\.output) {
        let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [site: fault])
        guard capture.tensors[site]?.values != right.tensors[site]?.values else { continue }
        shown.insert(fault.id)
        let verdict = try Judge(weights: weights).verdict(on: capture)
        #expect(verdict.flagged.first?.activation == site, "\(fault) at \(site)")
        #expect(verdict.flagged.first?.zone == .proven, "\(fault) at \(site)")
      }
    }
    // MPT's form does not count the mask.
    #expect(shown.count == (form == .bloom ? 27 : 26), "\(shown.sorted())")
  }
}
