import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// What is read off a capture where no fault of the catalogue explains it.
@Suite struct ReadingTests {
  static let sizes = """
    "vocab_size": 29, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 6,
    "num_key_value_heads": 2, "intermediate_size": 11, "rope_theta": 50
    """
  private static let fields = [
    "llama": sizes,
    "gemma3_text": sizes + """
      , "query_pre_attn_scalar": 5, "sliding_window": 5, "sliding_window_pattern": 2,
      "rope_local_base_freq": 20, "final_logit_softcapping": 2
      """,
    "mpt": """
    "vocab_size": 29, "d_model": 24, "n_layers": 2, "n_heads": 6, "max_seq_len": 16,
    "attn_config": {"clip_qkv": 1, "alibi": true}
    """,
    "gpt2": """
    "vocab_size": 29, "n_embd": 24, "n_layer": 2, "n_head": 4, "n_positions": 16, "n_inner": 11
    """,
    "vit": """
    "hidden_size": 18, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 11,
    "image_size": [13, 9], "patch_size": [3, 2], "num_channels": 3, "num_labels": 5
    """,
    "dit_block": """
    "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "head_dim": 5, "ff_mult": 2
    """,
    "mixtral": sizes + ", \"num_local_experts\": 5, \"num_experts_per_tok\": 2",
    "gpt_oss": sizes + """
      , "num_local_experts": 5, "num_experts_per_tok": 2, "swiglu_limit": 0.25, "sliding_window": 4
      """,
    "deepseek_v3": """
    "vocab_size": 29, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "q_lora_rank": 7,
    "kv_lora_rank": 6, "qk_nope_head_dim": 5, "qk_rope_head_dim": 6, "v_head_dim": 3, "intermediate_size": 11,
    "moe_intermediate_size": 7, "n_routed_experts": 6, "num_experts_per_tok": 2, "n_group": 3, "topk_group": 2,
    "first_k_dense_replace": 0
    """,
  ]

  /// A sequence, or the arrays that a model is given in place of one.
  private static func inputs(_ tokens: [Int], _ graph: Graph) throws -> Inputs {
    guard !graph.arrays.isEmpty else { return try Inputs(tokenIDs: tokens, graph: graph) }
    var random = SplitMix64(seed: 9)
    let arrays = graph.arrays.map { input in
      let shape = graph.shape(of: Activation("inputs/" + input.rawValue), tokenCount: tokens.count) ?? []
      let values = (0..<shape.reduce(1, *)).map { _ in Float.random(in: -1...1, using: &random) }
      return (input, Tensor(values, shape: shape))
    }
    return try Inputs(arrays: Dictionary(uniqueKeysWithValues: arrays), graph: graph)
  }

  static func weights(of family: String) throws -> Weights {
    let text = "{\"model_type\": \"\(family)\", \(fields[family] ?? "")}"
    let architecture = try Architecture(huggingFaceJSON: Data(text.utf8), file: "config.json")
    return try SyntheticModel.probing.weights(
      of: architecture.graph, names: architecture.family.tensors, seed: 5)
  }

  /// A capture of eleven tokens with one operation changed, and what `change` does to its output afterwards.
  private static func verdict(
    on planted: PlantedNumber, tokens: [Int] = (0..<11).map { ($0 * 7 + 3) % 29 },
    changing change: (inout Tensor<Double>) -> Void = { _ in }
  ) throws -> Verdict {
    let weights = try weights(of: planted.family)
    let inputs = try inputs(tokens, weights.graph)
    let point = try #require(weights.graph.operations.first { $0.output.path == planted.point }?.output)
    var capture = RecordedActivations(weights: weights, inputs: inputs, planting: [point: planted.fault])
    var value = try #require(capture.tensors[point])
    change(&value)
    capture.tensors[point] = value
    for name in planted.hidden { capture.tensors[Activation(name, in: point.block)] = nil }
    let verdict = try Judge(weights: weights, depth: .diagnosed(catalogue: [])).verdict(on: capture)
    #expect(verdict.flagged.first?.activation == point, "\(verdict.flagged.map(\.activation.path))")
    return verdict
  }

  @Test(arguments: PlantedNumber.all)
  func theNumberIsReadAndNamed(_ planted: PlantedNumber) throws {
    let cause = try #require(try Self.verdict(on: planted).cause)
    #expect(cause.id == planted.reading && cause.equivalents.isEmpty, "\(cause)")
    #expect(cause.name.contains(planted.says), "\(cause.name)")
    #expect(cause.ratio <= 1)
  }

  /// The same with one element beside it that the number does not explain: every second.
  @Test(arguments: everyday(PlantedNumber.all, each: 2))
  func whatExplainsAllButOneElementIsNotNamed(_ planted: PlantedNumber) throws {
    let verdict = try Self.verdict(on: planted) { value in
      let square = value.values.reduce(0) { $1.isFinite ? $0 + $1 * $1 : $0 } / Double(value.count)
      // The last row sees every key.
      value.values[value.count - 1] += planted.intolerable * square.squareRoot()
    }
    #expect(verdict.cause?.isPlaceAlone != false, "\(verdict.cause?.name ?? "")")
  }

  @Test func everyReadingIsTried() {
    let ids = Set(Reading.all.map(\.id))
    #expect(ids.count == Reading.all.count && ids.isDisjoint(with: Fault.catalogue.map(\.id)))
    // Those that need more than one operation to be changed have tests of their own.
    let others = [
      "cache.other-rows", "nan.weighed-by-0", "softmax.without-maximum", "mask.masked-weighed",
      "experts.order-before", "experts.order-reversed", "experts.order-by-text", "linear.other-part",
      "norm.over-more",
    ].map { Reading.prefix + $0 }
    #expect(Set(PlantedNumber.all.map(\.reading)).union(others) == ids)
  }

  /// Two equal rows tell an ε from a factor no more than one does.
  @Test func readingsThatExplainTheSameAreNamedTogether() throws {
    let epsilon = try #require(PlantedNumber.all.first { $0.reading == "read.norm.other-epsilon" })
    let cause = try #require(try Self.verdict(on: epsilon, tokens: [9, 9, 9]).cause)
    #expect(cause.id == epsilon.reading && cause.equivalents.contains("read.norm.scaled"))
    #expect(cause.name.contains("or, the same here: "))
  }

  /// As many numbers as elements explain anything.
  @Test func aNumberReadOfOneElementIsNotNamed() throws {
    let slopes = try #require(PlantedNumber.all.first { $0.reading == "read.alibi.other-slopes" })
    #expect(try Self.verdict(on: slopes, tokens: [9, 3]).cause?.id != slopes.reading)
    #expect(try Self.verdict(on: slopes, tokens: [9, 3, 4]).cause?.id == slopes.reading)
  }

  /// A post-norm block for a pre-norm one: the norm reads what is made of its own output where it stands rightly.
  @Test func aNormBehindItsHalfIsNamed() throws {
    let weights = try Self.weights(of: "llama")
    let inputs = try Inputs(tokenIDs: (0..<11).map { ($0 * 7 + 3) % 29 }, graph: weights.graph)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    let (norm, sum) = (
      Activation("ln_1", in: Activation.Block(0)), Activation("resid_mid", in: Activation.Block(0))
    )
    let operation = try #require(weights.graph.operation(making: norm))
    let parameters = operation.parameters.map { ParameterValues(weights.float64($0.parameter), $0) }
    let stream = try #require(capture.tensors[sum])
    capture.tensors[norm] = operation.kind.value(Operands([stream], parameters: parameters), in: inputs)
    let verdict = try Judge(weights: weights, depth: .diagnosed()).verdict(on: capture)
    #expect(verdict.cause?.id == "read.wiring.other-input", "\(verdict.notes)")
    #expect(verdict.cause?.name == "it reads \(sum) instead of layers/000/resid_in")
  }

  /// A fault of the catalogue is named by its own name.
  @Test func theCatalogueComesFirst() throws {
    let weights = try Self.weights(of: "llama")
    let inputs = try Inputs(tokenIDs: (0..<11).map { ($0 * 7 + 3) % 29 }, graph: weights.graph)
    let point = try #require(weights.graph.operations.first { $0.kind.payload is ActivationFunction }?.output)
    let fault = try #require(Fault.named("activation.relu"))
    let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [point: fault])
    let verdict = try Judge(weights: weights, depth: .diagnosed()).verdict(on: capture)
    #expect(verdict.cause?.id == "activation.relu" && verdict.cause?.equivalents == [])
  }

  @Test func plainNumbersHaveFewDigits() {
    #expect(plainNumbers(near: 0.30000004).first == 0.3)
    #expect(plainNumbers(near: 500_000.2).prefix(2) == [500_000, 500_000.2])
    #expect(plainNumbers(near: .nan).isEmpty && plainNumbers(near: .infinity).isEmpty)
    #expect(quotient(of: [2, .nan, 4], on: [1, 5, 2]) == 2)
    #expect(quotient(of: [1.0], on: [0]) == nil)
  }
}
