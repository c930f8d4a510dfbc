import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// One operation with another number, and what is to be read of it.
struct PlantedNumber: Sendable, CustomStringConvertible {
  let reading: String
  let says: String
  let family: String
  let point: String
  /// What of the same block is not recorded.
  var hidden: [String] = []
  /// How much is too much beside it, of the root mean square: a rounding that may fall to either side, or a function that is
  /// known at a hundred arguments alone, is told from no little.
  var intolerable: Double {
    ["softmax.in-steps", "norm.in-steps", "attention.in-half", "linear.accumulator", "values.cut"].contains {
      reading == Reading.prefix + $0
    }
      || reading.hasPrefix(Reading.prefix + "activation.") ? 30 : 0.01
  }
  let value: @Sendable (FaultSite) -> Tensor<Double>?

  init(
    _ reading: String, _ says: String, in family: String, at point: String, hiding hidden: [String] = [],
    _ value: @escaping @Sendable (FaultSite) -> Tensor<Double>?
  ) {
    self.reading = Reading.prefix + reading
    self.says = says
    self.family = family
    self.point = point
    self.hidden = hidden
    self.value = value
  }

  var description: String { "\(reading): \(says)" }

  static let all = numbers + ofAttention + ofFunctions + structures + ofPictures + ofExperts

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

  static let numbers: [PlantedNumber] = [
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
      "activation.other", "the nonlinearity is ReLU instead of SiLU", in: "llama", at: "layers/000/mlp_act"
    ) { site in site.evaluated(as: ActivationFunction(.relu)) },
    PlantedNumber(
      "activation.other-table", "is GELU by tanh instead of GELU by erf, through a half-precision table",
      in: "mpt", at: "layers/000/mlp_act"
    ) { site in
      let round = { (tensor: Tensor<Double>) in
        Tensor(tensor.values.map { NumberFormat.float16.round($0) }, shape: tensor.shape)
      }
      return round(
        site.evaluated(as: ActivationFunction(.geluTanh), activations: [round(site.activations[0])]))
    },
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
    PlantedNumber("embedding.other-rows", "every row is 1 too small", in: "llama", at: "embed/token") {
      site in
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
