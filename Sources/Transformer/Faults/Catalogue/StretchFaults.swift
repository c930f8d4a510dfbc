import TouchstoneGraph
import TouchstoneModel

extension Fault {
  /// Rotary positions stretched by other numbers, or in another way.
  static let stretchFaults: [Fault] = [
    stretch("linear", "all frequencies are divided by the factor", "one way to stretch is built in") { own in
      if case .linear = own { return nil }
      return own.factor.map { .linear(factor: $0) }
    },
    stretch("factor-inverted", "frequencies are multiplied by the factor", "a division for a product") {
      own in
      own.factor.flatMap { own.with(factor: 1 / $0) }
    },
    stretch("factor-doubled", "the factor is twice the model's", "the factor of another size of the model") {
      own in
      own.factor.flatMap { own.with(factor: 2 * $0) }
    },
    stretch(
      "original", "the first length of training is the whole context's",
      "max_position_embeddings is read for original_max_position_embeddings"
    ) { own in
      func whole(_ original: Int, _ factor: Double) -> Int { Int(min(Double(original) * factor, 1e9)) }
      switch own {
      case .llama3(let factor, let low, let high, let original):
        return .llama3(factor: factor, low: low, high: high, original: whole(original, factor))
      case .yarn(let factor, let fast, let slow, let original, let truncates):
        return .yarn(
          factor: factor, fast: fast, slow: slow, original: whole(original, factor), truncates: truncates)
      default: return nil
      }
    },
    stretch("low-factor", "the low factor is twice the model's", "a constant is built in") { own in
      guard case .llama3(let factor, let low, let high, let original) = own, 2 * low < high else {
        return nil
      }
      return .llama3(factor: factor, low: 2 * low, high: high, original: original)
    },
    stretch("high-factor", "the high factor is twice the model's", "a constant is built in") { own in
      guard case .llama3(let factor, let low, let high, let original) = own else { return nil }
      return .llama3(factor: factor, low: low, high: 2 * high, original: original)
    },
    stretch("blend-missing", "what is to be blended is stretched", "the third case is left out") { own in
      guard case .llama3(let factor, _, let high, let original) = own else { return nil }
      return .llama3(factor: factor, low: high.nextDown, high: high, original: original)
    },
    stretch("beta-default", "the ramp is from 32 to 1 turns", "beta_fast and beta_slow are not read") { own in
      guard case .yarn(let factor, let fast, let slow, let original, let truncates) = own,
        (fast, slow) != (32, 1)
      else { return nil }
      return .yarn(factor: factor, fast: 32, slow: 1, original: original, truncates: truncates)
    },
    stretch(
      "ramp-rounding", "the ends of the ramp are rounded, or not, against the model", "truncate is not read"
    ) {
      guard case .yarn(let factor, let fast, let slow, let original, let truncates) = $0 else { return nil }
      return .yarn(factor: factor, fast: fast, slow: slow, original: original, truncates: !truncates)
    },
    stretch("other-list", "the short factors are taken for the long ones, or the reverse", "one list is read")
    {
      guard case .longrope(let short, let long, let original) = $0 else { return nil }
      return .longrope(short: long, long: short, original: original)
    },
    stretch("dynamic-length", "the base is that of a longer sequence", "the length is the buffer's") {
      guard case .dynamic(let factor, let positions) = $0 else { return nil }
      return .dynamic(factor: factor, positions: max(positions / 2, 1))
    },
  ]

  private static func stretch(
    _ id: String, _ name: String, _ practice: String,
    _ other: @escaping @Sendable (RotaryFrequencies.Scaling) -> RotaryFrequencies.Scaling?
  ) -> Fault {
    Fault("rotary.stretch-\(id)", name, .embedding, of: Rotate.self, practice: practice) { own, site in
      other(own.frequencies.scaling).map {
        site.evaluated(as: own.with(RotaryFrequencies(theta: own.frequencies.theta, scaling: $0)))
      }
    }
  }
}

extension RotaryFrequencies.Scaling {
  /// s, where all or some frequencies are divided by one number.
  var factor: Double? {
    switch self {
    case .linear(let factor), .dynamic(let factor, _), .llama3(let factor, _, _, _),
      .yarn(let factor, _, _, _, _), .proportional(let factor, _):
      factor
    case .none, .longrope: nil
    }
  }

  /// The same with another s; nil where there is none, and where the form does not allow it.
  fileprivate func with(factor: Double) -> Self? {
    switch self {
    case .linear: .linear(factor: factor)
    case .dynamic(_, let positions): factor < 1 ? nil : .dynamic(factor: factor, positions: positions)
    case .llama3(_, let low, let high, let original):
      .llama3(factor: factor, low: low, high: high, original: original)
    case .yarn(_, let fast, let slow, let original, let truncates):
      .yarn(factor: factor, fast: fast, slow: slow, original: original, truncates: truncates)
    case .proportional(_, let turning): .proportional(factor: factor, turning: turning)
    case .none, .longrope: nil
    }
  }
}
