import Foundation
import TouchstoneGraph
import TouchstoneModel

/// Rotary positions as a `config.json` describes them (Hugging Face's `modeling_rope_utils.py`).
///
/// Transformers 5 writes `rope_parameters` with everything in it; before, `rope_theta` stood beside `rope_scaling`. Both
/// are read, and mixtures of the two as Hugging Face reads them: `rope_scaling` where it is there, and from the top level
/// what the object lacks.
extension ConfigFields {
  /// The rotation of heads of `width` columns.
  ///
  /// - Parameters:
  ///   - width: d, which is even.
  ///   - positions: M, the positions that the model is made for, where `max_position_embeddings` is absent.
  /// - Throws: ``BadInput`` naming the field for a kind of scaling that is not known, a number that it lacks, and one
  ///   that cannot be.
  public mutating func rotation(width: Int, positions: Int) throws(BadInput) -> Rotate {
    guard width.isMultiple(of: 2) else {
      throw BadInput(
        place: "head_dim", problem: "\(width) columns cannot be turned in pairs",
        remedy: "use an even head width")
    }
    let (old, new) = (try object("rope_scaling"), try object("rope_parameters"))
    let theta = try number("rope_theta")
    let share = try number("partial_rotary_factor")
    let training = RotaryTraining(
      width: width, positions: try size("max_position_embeddings", else: positions),
      originalPositions: try integer("original_max_position_embeddings"))
    var own = old ?? new ?? ConfigFields([:])
    do {
      return try own.ownRotation(training, theta: theta ?? 10_000, share: share ?? 1)
    } catch {
      var inside = error
      let object = old == nil ? "rope_parameters" : "rope_scaling"
      inside.place = error.place.map { "\(object).\($0)" } ?? object
      throw inside
    }
  }

  /// The rotation that this object describes, with what the top level says where it is silent.
  private mutating func ownRotation(
    _ training: RotaryTraining, theta: Double, share: Double
  ) throws(BadInput) -> Rotate {
    let theta = try number("rope_theta") ?? theta
    let share = try number("partial_rotary_factor") ?? share
    let (oldType, newType) = (try string("type"), try string("rope_type"))
    let type = newType ?? oldType ?? "default"
    guard share == 1 || type == "proportional" else {
      throw BadInput(
        place: "partial_rotary_factor", problem: "is \(share), which this family does not compute",
        remedy: "use a model that turns whole heads")
    }
    let (scaling, magnitude) = try self.scaling(type, training, share: share)
    try refuseOthers(than: Self.rotaryFields)
    let frequencies = RotaryFrequencies(theta: theta, scaling: scaling)
    do {
      try frequencies.check(pairs: training.width / 2)
    } catch {
      throw BadInput(problem: error.problem, remedy: "correct the field")
    }
    guard magnitude.isFinite else {
      throw BadInput(problem: "gives no finite factor on cosine and sine", remedy: "correct the fields")
    }
    return Rotate(width: training.width, frequencies: frequencies, magnitude: magnitude)
  }

  /// The stretching of a type, and the factor on cosine and sine that goes with it.
  private mutating func scaling(
    _ type: String, _ training: RotaryTraining, share: Double
  ) throws(BadInput) -> (RotaryFrequencies.Scaling, magnitude: Double) {
    func original(_ own: Int?) -> Int { training.originalPositions ?? own ?? training.positions }
    switch type {
    case "default":
      return (.none, 1)

    case "linear":
      return (.linear(factor: try required("factor")), 1)

    case "dynamic":
      return (.dynamic(factor: try required("factor"), positions: training.positions), 1)

    case "llama3":
      let scaling = RotaryFrequencies.Scaling.llama3(
        factor: try required("factor"), low: try required("low_freq_factor"),
        high: try required("high_freq_factor"),
        original: original(try integer("original_max_position_embeddings")))
      return (scaling, 1)

    case "yarn":
      let original = original(try integer("original_max_position_embeddings"))
      let factor = try number("factor") ?? Double(training.positions) / Double(original)
      let scaling = RotaryFrequencies.Scaling.yarn(
        factor: factor, fast: try nonzero("beta_fast") ?? 32, slow: try nonzero("beta_slow") ?? 1,
        original: original, truncates: try bool("truncate") ?? true)
      // Peng et al. 2023, §3.4: 0.1·ln s + 1; DeepSeek's quotient of two such.
      func magnitude(_ multiple: Double) -> Double { factor <= 1 ? 1 : 0.1 * multiple * log(factor) + 1 }
      let (multiple, divisor) = (try nonzero("mscale"), try nonzero("mscale_all_dim"))
      let quotient = multiple.flatMap { multiple in divisor.map { magnitude(multiple) / magnitude($0) } }
      return (scaling, try number("attention_factor") ?? quotient ?? magnitude(1))

    case "longrope":
      let original = original(try integer("original_max_position_embeddings"))
      let factor = try number("factor") ?? Double(training.positions) / Double(original)
      let scaling = RotaryFrequencies.Scaling.longrope(
        short: try factors("short_factor"), long: try factors("long_factor"), original: original)
      // Ding et al. 2024: √(1 + ln s/ln o).
      let magnitude = factor <= 1 ? 1 : (1 + log(factor) / log(Double(original))).squareRoot()
      return (scaling, try number("attention_factor") ?? magnitude)

    case "proportional":
      let turning = (share * Double(training.width) / 2).rounded(.down)
      guard (0...Double(training.width / 2)).contains(turning) else {
        throw BadInput(
          place: "partial_rotary_factor", problem: "is \(share)", remedy: "give a number from 0 to 1")
      }
      return (.proportional(factor: try number("factor") ?? 1, turning: Int(turning)), 1)

    default:
      throw BadInput(
        place: "rope_type", problem: "\(type) is not supported",
        remedy: "supported are default, dynamic, linear, llama3, longrope, proportional, yarn")
    }
  }

  /// A number that the type needs.
  private mutating func required(_ name: String) throws(BadInput) -> Double {
    guard let number = try number(name) else {
      throw BadInput(place: name, problem: "the field is missing", remedy: "add it to the configuration")
    }
    return number
  }

  /// Numbers that the type needs.
  private mutating func factors(_ name: String) throws(BadInput) -> [Double] {
    guard let numbers = try numbers(name) else {
      throw BadInput(place: name, problem: "the field is missing", remedy: "add it to the configuration")
    }
    return numbers
  }

  /// A number, 0 counting as absent.
  private mutating func nonzero(_ name: String) throws(BadInput) -> Double? {
    try number(name).flatMap { $0 == 0 ? nil : $0 }
  }

  /// What Hugging Face knows of rotary positions: it passes over those of another type, and so does this.
  private static let rotaryFields: Set = [
    "attention_factor", "beta_fast", "beta_slow", "factor", "high_freq_factor", "long_factor",
    "low_freq_factor",
    "mscale", "mscale_all_dim", "original_max_position_embeddings", "partial_rotary_factor", "rope_theta",
    "rope_type", "short_factor", "truncate", "type",
    // Says how the model was trained.
    "finetuned",
  ]
}

/// What a rotation needs to know beyond its own object.
private struct RotaryTraining {
  /// d: the columns of a head.
  let width: Int
  /// M: the positions that the model is made for.
  let positions: Int
  /// o: the positions that it was first trained on, where the top level says so.
  let originalPositions: Int?
}
