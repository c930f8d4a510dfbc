import TouchstoneGraph
import TouchstoneModel

/// How the next token is chosen from the logits.
///
/// Clauses: SAM-3, SAM-5, SAM-7.
public struct SamplingOptions: Hashable, Sendable {
  /// Divides the logits; 0 chooses the greatest.
  public var temperature: Double
  /// Keeps the k most probable tokens, and those that tie with the last of them; nil keeps all.
  public var topK: Int?
  /// Keeps the most probable tokens until their sum reaches p, the one that crosses it included; nil keeps all.
  public var topP: Double?

  /// Checks and collects the options.
  ///
  /// - Parameter allowAnyTemperature: accepts any finite temperature of at least 0, not only 0…2.
  /// - Throws: ``BadInput`` naming the option that is out of range.
  public init(
    temperature: Double = 1, topK: Int? = nil, topP: Double? = nil, allowAnyTemperature: Bool = false
  ) throws(BadInput) {
    guard temperature.isFinite, temperature >= 0 else {
      throw BadInput(
        place: "temperature", problem: "\(temperature) is not a number of at least 0",
        remedy: "give one in 0…2")
    }
    guard temperature <= 2 || allowAnyTemperature else {
      throw BadInput(
        place: "temperature", problem: "\(temperature) is outside 0…2, where text stops making sense",
        remedy: "give one in 0…2, or --allow-any-temperature")
    }
    if let topK, topK < 1 {
      throw BadInput(place: "top-k", problem: "\(topK) keeps no token", remedy: "give at least 1")
    }
    if let topP, !(topP > 0 && topP <= 1) {
      throw BadInput(place: "top-p", problem: "\(topP) is outside 0…1", remedy: "give more than 0, at most 1")
    }
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
  }
}

/// The distribution from which the next token is drawn: temperature, then top-k, then top-p, then softmax.
///
/// Top-p sorts by probability, ties by descending id, and keeps at least one token (Holtzman et al. 2020, §3.1);
/// removed tokens have the probability 0. At temperature 0 the greatest logit, of equal ones the lowest id,
/// has the probability 1.
///
/// Clauses: SAM-1, SAM-4 to SAM-9.
///
/// - Parameter logits: [V], finite or −∞.
/// - Returns: [V], summing to 1.
public func nextTokenDistribution(_ logits: [Double], options: SamplingOptions) -> [Double] {
  guard options.temperature > 0 else {
    let best = argMax(logits)
    return logits.indices.map { $0 == best ? 1 : 0 }
  }
  var scores = logits
  if let k = options.topK, k < scores.count {
    let threshold = scores.sorted(by: >)[k - 1]
    scores = scores.map { $0 < threshold ? -.infinity : $0 }
  }
  if let p = options.topP, p < 1 {
    let probabilities = softmax(scores, temperature: options.temperature)
    let ascending = probabilities.indices.sorted { (probabilities[$0], $0) < (probabilities[$1], $1) }
    var cumulative = 0.0
    for id in ascending.dropLast() {
      cumulative += probabilities[id]
      guard cumulative <= 1 - p else { break }
      scores[id] = -.infinity
    }
  }
  return softmax(scores, temperature: options.temperature)
}

/// The index of the greatest value; of equal ones the lowest.
///
/// Clauses: SAM-2.
public func argMax(_ values: [Double]) -> Int {
  var best = 0
  for index in values.indices where values[index] > values[best] {
    best = index
  }
  return best
}

/// Draws tokens: one uniform number each, through the inverse of the cumulative distribution in order of id.
///
/// Clauses: SAM-14 to SAM-19.
public struct Sampler: Sendable {
  /// How the distribution is shaped.
  public let options: SamplingOptions
  private var generator: SplitMix64

  /// Creates a sampler whose draws are determined by `seed`.
  public init(options: SamplingOptions, seed: UInt64) {
    self.options = options
    generator = SplitMix64(seed: seed)
  }

  /// Draws the next token from its logits: [V].
  ///
  /// Clauses: SAM-14, SAM-16, SAM-17.
  ///
  /// - Throws: ``BadInput`` when a logit is NaN or +∞, or all are −∞.
  public mutating func next(_ logits: [Double]) throws(BadInput) -> Int {
    guard logits.allSatisfy({ $0 < .infinity }), logits.contains(where: { $0 > -.infinity }) else {
      throw BadInput(
        place: "logits", problem: "are not numbers, so no token can be chosen",
        remedy: "check the weights with `touchstone verify`")
    }
    guard options.temperature > 0 else { return argMax(logits) }
    let distribution = nextTokenDistribution(logits, options: options)
    let uniform = generator.nextUniform()
    var cumulative = 0.0
    var last = 0
    for (id, probability) in distribution.enumerated() where probability > 0 {
      cumulative += probability
      last = id
      if uniform < cumulative { return id }
    }
    return last
  }
}
