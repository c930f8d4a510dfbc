import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// One operation with another number, and what is to be read of it.
private struct PlantedNumber: Sendable, CustomStringConvertible {
  let reading: String
  let says: String
  let family: String
  let point: String
  let value: @Sendable (FaultSite) -> Tensor<Double>?

  init(
    _ reading: String, _ says: String, in family: String, at point: String,
    _ value: @escaping @Sendable (FaultSite) -> Tensor<Double>?
  ) {
    self.reading = Reading.prefix + reading
    self.says = says
    self.family = family
    self.point = point
    self.value = value
  }

  var description: String { "\(reading): \(says)" }

  var fault: Fault {
    Fault("planted", says, .wiring, at: .computed, practice: "a test", output: value)
  }

  /// Rotations with some of their numbers changed.
  static func rotation(
    _ says: String, in family: String = "llama", _ change: @escaping @Sendable (Rotate) -> Rotate
  ) -> PlantedNumber {
    PlantedNumber("rotary.other-frequencies", says, in: family, at: "layers/000/q_rope") { site in
      (site.operation.kind.payload as? Rotate).map { site.evaluated(as: change($0)) }
    }
  }

  static let all: [PlantedNumber] = [
    PlantedNumber(
      "attention.other-scale", "1/√7 instead of 0.408248", in: "llama", at: "layers/000/attn_scores"
    ) { site in site.evaluated(as: AttentionScores(scale: 1 / 7.0.squareRoot())) },
    PlantedNumber(
      "attention.other-bias-scale", "the bias on scores is multiplied by 0.3", in: "mpt",
      at: "layers/001/attn_scores"
    ) { site in site.evaluated(changing: 2) { $0.values = $0.values.map { $0 * 0.3 } } },
    PlantedNumber(
      "scale.other-factor", "multiplied by 3.25 instead of 4.89898", in: "gemma3_text", at: "embed/scaled"
    ) { site in site.evaluated(as: Scale(by: 3.25)) },
    PlantedNumber("embedding.scaled", "multiplied by 0.77", in: "llama", at: "embed/token") { site in
      site.edited { $0.values = $0.values.map { $0 * 0.77 } }
    },
    PlantedNumber(
      "soft-cap.other-cap", "the cap is 2.75 instead of 2", in: "gemma3_text", at: "final/logits"
    ) { site in site.evaluated(as: SoftCap(at: 2.75)) },
    PlantedNumber("linear.other-limit", "at 0.6 instead of at 1", in: "mpt", at: "layers/000/q") { site in
      site.evaluated(as: Linear(heads: 6, limit: 0.6))
    },
    PlantedNumber(
      "activation.other", "the nonlinearity is relu instead of silu", in: "llama", at: "layers/000/mlp_act"
    ) { site in site.evaluated(as: ActivationFunction(.relu)) },
    PlantedNumber("alibi.other-slopes", "slopes are 0.09", in: "mpt", at: "embed/attn_bias") { site in
      let factors = [0.36, 0.5, 1.3, 0.8, 2, 1.1]
      return site.edited { y in
        for offset in y.values.indices { y.values[offset] *= factors[offset * 6 / y.count] }
      }
    },
    PlantedNumber(
      "alibi.other-places", "keys stand at 0, 2, 4, 6, 8, 10, 12, 14, … instead of -10", in: "mpt",
      at: "embed/attn_bias"
    ) { site in
      (site.operation.kind.payload as? Alibi).map { own in
        site.edited { y in
          let tokens = site.inputs.count
          for offset in y.values.indices {
            y.values[offset] = own.value(of: offset / (tokens * tokens)) * Double(offset % tokens * 2)
          }
        }
      }
    },
    PlantedNumber(
      "mask.other-window", "the last 7 keys instead of all", in: "llama", at: "layers/000/attn_probs"
    ) { site in site.probabilities { $0 <= $1 && $1 - $0 < 7 } },
    PlantedNumber("norm.other-epsilon", "ε is 0.37 instead of 1e-06", in: "llama", at: "layers/000/ln_1") {
      site in site.norm.map { site.evaluated(as: $0.with(epsilon: 0.37)) }
    },
    PlantedNumber(
      "norm.gains-shifted", "0.25 is added to the norm's weight", in: "llama", at: "layers/000/ln_2"
    ) { site in site.evaluated(changingParameter: 0) { $0.values = $0.values.map { $0 + 0.25 } } },
    PlantedNumber("norm.scaled", "is multiplied by 1.5", in: "llama", at: "final/ln_f") { site in
      site.edited { $0.values = $0.values.map { $0 * 1.5 } }
    },
    .rotation("the base is 77 instead of 50") {
      Rotate(
        width: $0.width, first: $0.first, style: $0.style, frequencies: RotaryFrequencies(theta: 77),
        magnitude: $0.magnitude)
    },
    .rotation("all frequencies are divided by 3") {
      Rotate(
        width: $0.width, first: $0.first, style: $0.style,
        frequencies: RotaryFrequencies(theta: 50, scaling: .linear(factor: 3)), magnitude: $0.magnitude)
    },
    .rotation("scaled by 1.2 instead of 1") {
      Rotate(
        width: $0.width, first: $0.first, style: $0.style, frequencies: $0.frequencies, magnitude: 1.2)
    },
    .rotation("columns 0 to 3 of a head turn instead of 0 to 5") {
      Rotate(
        width: 4, first: 0, style: $0.style, frequencies: $0.frequencies, magnitude: $0.magnitude)
    },
    // The narrowest: where the others stand still, wider ones seem to turn as well.
    .rotation("columns 0 to 1 of a head turn instead of 0 to 5") {
      Rotate(
        width: 2, first: 0, style: $0.style, frequencies: $0.frequencies, magnitude: $0.magnitude)
    },
    PlantedNumber(
      "rotary.other-positions", "tokens stand at 3, 4, 5", in: "llama", at: "layers/000/k_rope"
    ) { site in
      let later = try? Inputs(
        tokenIDs: site.inputs.tokenIDs, positionIDs: site.inputs.positionIDs.map { $0 + 3 },
        graph: site.graph)
      return later.map { site.operation.kind.value(Operands(site.activations, parameters: []), in: $0) }
    },
    PlantedNumber(
      "linear.other-outputs", "in the order 4, 5, 0, 1, 2, 3", in: "llama", at: "layers/000/q"
    ) { site in
      site.edited { y in
        for row in 0..<y.rowCount {
          let own = Array(y.row(row))
          y.setRow(row) { own[($0 + 4) % 6] }
        }
      }
    },
    PlantedNumber("embedding.other-rows", "every row is 1 earlier", in: "llama", at: "embed/token") { site in
      let table = site.parameters[0]
      let ids = site.inputs.tokenIDs.map { $0 - 1 }
      return Tensor(ids.flatMap { table.row($0) }, shape: [ids.count, table.rowWidth])
    },
    PlantedNumber(
      "weights.of-other", "the parameters are those of layers/001/ln_1", in: "llama", at: "layers/000/ln_2"
    ) { site in
      let other = Parameter("model.layers.1.input_layernorm.weight", [24])
      return site.parameter(other).map { site.evaluated(parameters: [$0]) }
    },
    PlantedNumber(
      "wiring.other-input", "it reads layers/000/attn_out instead of layers/000/resid_mid", in: "llama",
      at: "layers/000/ln_2"
    ) { site in site.evaluated(reading: Activation("attn_out", in: Activation.Block(0))) },
  ]
}

/// What is read off a capture where no fault of the catalogue explains it.
@Suite struct ReadingTests {
  private static let sizes = """
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
  ]

  private static func weights(of family: String) throws -> Weights {
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
    let inputs = try Inputs(tokenIDs: tokens, graph: weights.graph)
    let point = try #require(weights.graph.operations.first { $0.output.path == planted.point }?.output)
    var capture = RecordedActivations(weights: weights, inputs: inputs, planting: [point: planted.fault])
    var value = try #require(capture.tensors[point])
    change(&value)
    capture.tensors[point] = value
    let verdict = try Judge(weights: weights, depth: .diagnosed(catalogue: [])).verdict(on: capture)
    #expect(verdict.flagged.first?.activation == point)
    return verdict
  }

  @Test(arguments: PlantedNumber.all)
  fileprivate func theNumberIsReadAndNamed(_ planted: PlantedNumber) throws {
    let cause = try #require(try Self.verdict(on: planted).cause)
    #expect(cause.id == planted.reading && cause.equivalents.isEmpty, "\(cause)")
    #expect(cause.name.contains(planted.says), "\(cause.name)")
    #expect(cause.ratio <= 1)
  }

  /// The same with one element beside it that the number does not explain.
  @Test(arguments: PlantedNumber.all)
  fileprivate func whatExplainsAllButOneElementIsNotNamed(_ planted: PlantedNumber) throws {
    let verdict = try Self.verdict(on: planted) { value in
      let square = value.values.reduce(0) { $1.isFinite ? $0 + $1 * $1 : $0 } / Double(value.count)
      // The last row sees every key.
      value.values[value.count - 1] += 0.01 * square.squareRoot()
    }
    #expect(verdict.cause == nil, "\(verdict.cause?.name ?? "")")
  }

  @Test func everyReadingIsTried() {
    let ids = Set(Reading.all.map(\.id))
    #expect(ids.count == Reading.all.count && ids.isDisjoint(with: Fault.catalogue.map(\.id)))
    // Windows by position and visibilities have tests of their own.
    let others = ["mask.window-by-position", "mask.other-visibility"].map { Reading.prefix + $0 }
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
    #expect(try Self.verdict(on: slopes, tokens: [9, 3]).cause == nil)
    #expect(try Self.verdict(on: slopes, tokens: [9, 3, 4]).cause != nil)
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
