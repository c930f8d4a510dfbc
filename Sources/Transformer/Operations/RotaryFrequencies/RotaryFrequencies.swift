import TouchstoneModel

/// How fast each pair of columns turns with the position.
///
/// ω_p = θ^(−2p/r) for the pairs p of r columns (Su et al. 2021, equation 15), stretched so that a model reads longer
/// sequences than it was trained on. The formulas stand with the reference; the sources are beside each case.
public struct RotaryFrequencies: Hashable, Sendable {
  /// How the frequencies are stretched.
  public enum Scaling: Hashable, Sendable {
    /// Not at all.
    case none
    /// All by one factor s: ω/s (Chen et al. 2023).
    case linear(factor: Double)
    /// θ grows with a sequence longer than `positions` ("NTK-aware", u/emozilla 2023).
    case dynamic(factor: Double, positions: Int)
    /// Short waves stay, long ones are stretched, those between blended (Llama 3.1).
    case llama3(factor: Double, low: Double, high: Double, original: Int)
    /// A ramp over the pairs between unstretched and stretched (Peng et al. 2023, §3.2, "NTK-by-parts").
    case yarn(factor: Double, fast: Double, slow: Double, original: Int, truncates: Bool)
    /// A factor for each pair, one list for sequences within `original`, one beyond (Ding et al. 2024).
    case longrope(short: [Double], long: [Double], original: Int)
    /// The first pairs turn, by ω/s, the others do not.
    case proportional(factor: Double, turning: Int)
  }

  /// θ: the base of the geometric sequence.
  public let theta: Double
  /// How they are stretched.
  public let scaling: Scaling

  /// Frequencies of base `theta`.
  public init(theta: Double, scaling: Scaling = .none) {
    self.theta = theta
    self.scaling = scaling
  }

  /// - Throws: ``BadInput``, without a place, for numbers from which no frequencies follow.
  package func check(pairs: Int) throws(BadInput) {
    func expect(_ isRight: Bool, _ problem: @autoclosure () -> String) throws(BadInput) {
      guard isRight else { throw .graph(problem()) }
    }
    let positions = 1...Parameter.greatestExtent
    try expect(theta.isFinite && theta > 0, "has the rotary base \(theta)")
    if let factor { try expect(factor.isFinite && factor > 0, "stretches rotary positions by \(factor)") }
    switch scaling {
    case .none, .linear: break
    case .dynamic(let factor, let count):
      try expect(factor >= 1, "stretches rotary positions by \(factor), less than 1")
      try expect(positions.contains(count), "stretches beyond \(count) positions")
      try expect(pairs > 1, "stretches the base of a single rotary pair, which has no exponent")
    case .llama3(_, let low, let high, let original):
      try expect(positions.contains(original), "was trained on \(original) positions")
      try expect(low > 0 && low < high, "blends wavelengths between the factors \(low) and \(high)")
    case .yarn(_, let fast, let slow, let original, _):
      try expect(positions.contains(original), "was trained on \(original) positions")
      try expect(fast > 0 && slow > 0, "ramps between \(fast) and \(slow) turns")
      try expect(theta != 1, "has the rotary base 1, with which every pair turns alike")
    case .longrope(let short, let long, let original):
      try expect(positions.contains(original), "was trained on \(original) positions")
      try expect(
        short.count == pairs && long.count == pairs,
        "has \(short.count) short and \(long.count) long factors for \(pairs) rotary pairs")
      try expect(
        (short + long).allSatisfy { $0.isFinite && $0 > 0 }, "has a rotary factor that is not positive")
    case .proportional(_, let turning):
      try expect((0...pairs).contains(turning), "turns \(turning) of \(pairs) rotary pairs")
    }
  }

  private var factor: Double? {
    switch scaling {
    case .linear(let factor), .dynamic(let factor, _), .llama3(let factor, _, _, _),
      .yarn(let factor, _, _, _, _), .proportional(let factor, _):
      factor
    case .none, .longrope: nil
    }
  }
}

/// The stored form: an object with `type` (Hugging Face's names), `theta`, and the numbers of the type.
extension RotaryFrequencies {
  private enum TypeName: String, CaseIterable {
    case `default`, linear, dynamic, llama3, yarn, longrope, proportional
  }

  var stored: JSONText {
    func object(_ type: TypeName, _ members: (name: String, value: JSONText)...) -> JSONText {
      .object([("type", .string(type.rawValue)), ("theta", .number(theta))] + members)
    }
    func numbers(_ values: [Double]) -> JSONText { .array(values.map { .number($0) }) }
    switch scaling {
    case .none: return object(.default)
    case .linear(let factor): return object(.linear, ("factor", .number(factor)))
    case .dynamic(let factor, let positions):
      return object(.dynamic, ("factor", .number(factor)), ("positions", .integer(positions)))
    case .llama3(let factor, let low, let high, let original):
      return object(
        .llama3, ("factor", .number(factor)), ("low", .number(low)), ("high", .number(high)),
        ("original", .integer(original)))
    case .yarn(let factor, let fast, let slow, let original, let truncates):
      return object(
        .yarn, ("factor", .number(factor)), ("fast", .number(fast)), ("slow", .number(slow)),
        ("original", .integer(original)), ("truncate", .bool(truncates)))
    case .longrope(let short, let long, let original):
      return object(
        .longrope, ("short", numbers(short)), ("long", numbers(long)), ("original", .integer(original)))
    case .proportional(let factor, let turning):
      return object(.proportional, ("factor", .number(factor)), ("turning", .integer(turning)))
    }
  }

  init(stored fields: JSONFields) throws(BadInput) {
    var fields = fields
    let type: TypeName = try fields.choice("type")
    func number(_ name: String) throws(BadInput) -> Double {
      try fields.required(name, try fields.number(name))
    }
    func integer(_ name: String) throws(BadInput) -> Int {
      try fields.required(name, try fields.integer(name))
    }
    func numbers(_ name: String) throws(BadInput) -> [Double] {
      try fields.required(name, try fields.numbers(name))
    }
    theta = try number("theta")
    scaling =
      switch type {
      case .default: .none
      case .linear: .linear(factor: try number("factor"))
      case .dynamic: .dynamic(factor: try number("factor"), positions: try integer("positions"))
      case .llama3:
        .llama3(
          factor: try number("factor"), low: try number("low"), high: try number("high"),
          original: try integer("original"))
      case .yarn:
        .yarn(
          factor: try number("factor"), fast: try number("fast"), slow: try number("slow"),
          original: try integer("original"),
          truncates: try fields.required("truncate", try fields.bool("truncate")))
      case .longrope:
        .longrope(
          short: try numbers("short"), long: try numbers("long"), original: try integer("original"))
      case .proportional: .proportional(factor: try number("factor"), turning: try integer("turning"))
      }
    try fields.finish()
  }
}
