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
  ///   - width: d, which is even where whole heads turn.
  ///   - positions: M, the positions that the model is made for, where `max_position_embeddings` is absent.
  ///   - rules: what the family has of its own.
  /// - Throws: ``BadInput`` naming the field for a kind of scaling that is not known, a number that it lacks, and one
  ///   that cannot be.
  public mutating func rotation(
    width: Int, positions: Int, rules: RotaryRules = .wholeHeads
  ) throws(BadInput) -> Rotate {
    try refuseOddHeads(of: width, rules)
    let (old, new) = (try object("rope_scaling"), try object("rope_parameters"))
    let theta = try number("rope_theta")
    let share = try number("partial_rotary_factor")
    var training = RotaryTraining(
      width: width, positions: try size("max_position_embeddings", else: positions), rules: rules)
    training.originalPositions =
      try integer("original_max_position_embeddings") ?? rules.originalPositions
    return try (old ?? new ?? ConfigFields(rules.object)).rotation(
      training, theta: theta ?? rules.theta, share: share ?? rules.share ?? 1,
      at: old == nil ? "rope_parameters" : "rope_scaling")
  }

  /// The rotations of blocks that look through a window, and of those that see all, where each have their own.
  ///
  /// Transformers 5 writes `rope_parameters` with an object for each type of block; before, `rope_theta` and
  /// `rope_scaling` were those of blocks that see all, `rope_local_base_freq` the base of the others (Hugging Face's
  /// `Gemma3TextConfig.convert_rope_params_to_dict`).
  ///
  /// - Parameters:
  ///   - width: d, which is even.
  ///   - positions: M where `max_position_embeddings` is absent.
  ///   - theta: the bases where nothing says them.
  ///   - names: of the fields that had the bases before.
  /// - Throws: ``BadInput`` as ``rotation(width:positions:rules:)`` does.
  public mutating func rotationsByType(
    width: Int, positions: Int, theta: (sliding: Double, full: Double),
    names: (sliding: String, full: String) = ("rope_local_base_freq", "rope_theta")
  ) throws(BadInput) -> (sliding: Rotate, full: Rotate) {
    try refuseOddHeads(of: width, .wholeHeads)
    let old = try object("rope_scaling")
    var new = try object("rope_parameters") ?? ConfigFields([:])
    let bases = (sliding: try number(names.sliding), full: try number(names.full))
    let training = RotaryTraining(
      width: width, positions: try size("max_position_embeddings", else: positions), rules: .wholeHeads)
    do {
      let sliding = try new.object("sliding_attention") ?? ConfigFields([:])
      var full = try new.object("full_attention") ?? ConfigFields([:])
      try new.refuseOthers(than: [])
      if let old { full = full.overlaid(by: old) }
      return (
        try sliding.rotation(
          training, theta: bases.sliding ?? theta.sliding, share: 1, at: "sliding_attention"),
        try full.rotation(training, theta: bases.full ?? theta.full, share: 1, at: "full_attention")
      )
    } catch {
      var inside = error
      inside.place = error.place.map { "rope_parameters.\($0)" }
      throw inside
    }
  }

  private func refuseOddHeads(of width: Int, _ rules: RotaryRules) throws(BadInput) {
    guard rules.share != nil || width.isMultiple(of: 2) else {
      throw BadInput(
        place: "head_dim", problem: "\(width) columns cannot be turned in pairs",
        remedy: "use an even head width")
    }
  }

  /// The rotation that this object describes, with what the top level says where it is silent.
  ///
  /// - Parameter object: its name, which is put in front of the fields that a problem names.
  private func rotation(
    _ training: RotaryTraining, theta: Double, share: Double, at object: String
  ) throws(BadInput) -> Rotate {
    var own = self
    do {
      return try own.ownRotation(training, theta: theta, share: share)
    } catch {
      var inside = error
      inside.place = error.place.map { "\(object).\($0)" } ?? object
      throw inside
    }
  }

  private mutating func ownRotation(
    _ training: RotaryTraining, theta: Double, share: Double
  ) throws(BadInput) -> Rotate {
    let theta = try number("rope_theta") ?? theta
    let share = try number("partial_rotary_factor") ?? share
    let (oldType, newType) = (try string("type"), try string("rope_type"))
    let spelled = newType ?? oldType ?? "default"
    guard let type = training.rules.type(spelled) else {
      throw BadInput(
        place: "rope_type", problem: "\(spelled) is not supported",
        remedy: "supported are " + training.rules.types.keys.sorted().joined(separator: ", "))
    }
    let width = try training.turnedColumns(share: share, type: type)
    let (scaling, magnitude) = try self.scaling(type, training, share: share)
    try refuseOthers(than: Self.rotaryFields)
    let frequencies = RotaryFrequencies(theta: theta, scaling: scaling)
    do {
      try frequencies.check(pairs: width / 2)
    } catch {
      throw BadInput(problem: error.problem, remedy: "correct the field")
    }
    guard magnitude.isFinite else {
      throw BadInput(problem: "gives no finite factor on cosine and sine", remedy: "correct the fields")
    }
    return Rotate(width: width, frequencies: frequencies, magnitude: magnitude)
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
        place: "rope_type", problem: "\(type) is not supported", remedy: "use another kind of scaling")
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
