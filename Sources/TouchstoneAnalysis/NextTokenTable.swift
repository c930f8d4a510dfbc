import Foundation
import TouchstoneModel
import TouchstoneReference

/// The distribution of the next token side by side at several temperatures.
public struct NextTokenTable: Sendable {
  /// The temperatures that show the effect: sharp, usual, undivided, flat.
  public static let temperatures = [0.2, 0.7, 1, 1.5]

  /// The distribution under one choice of options.
  public struct Column: Sendable {
    /// What divided the logits; 0 is the arg max.
    public let temperature: Double
    /// How many of the most probable tokens were kept; nil for all.
    public let topK: Int?
    /// The probability up to which the most probable were kept; nil for all.
    public let topP: Double?
    /// The probability of each token of ``NextTokenTable/tokens``.
    public let probabilities: [Double]
    /// The probability of all other tokens together.
    public let others: Double
    /// How many tokens can be drawn at all.
    public let possible: Int
    /// −Σ p·log p over the whole vocabulary, in nats: 0 when only one token is possible.
    public let entropy: Double
  }

  /// The ids of the rows, the most probable first; of equally probable ones the lower.
  public let tokens: [Int]
  /// One distribution for each temperature, in rising order, without top-k and top-p; then, where either is set, the
  /// chosen temperature with them.
  public let columns: [Column]

  /// Computes the distributions.
  ///
  /// - Parameters:
  ///   - logits: of the next token: [V].
  ///   - options: how the token would be chosen; its temperature is added to ``temperatures``.
  ///   - count: how many tokens to give a row at most.
  /// - Throws: ``BadInput`` when a logit is NaN or +∞, or all are −∞.
  public init(logits: [Double], options: SamplingOptions, count: Int) throws(BadInput) {
    guard logits.allSatisfy({ $0 < .infinity }), logits.contains(where: { $0 > -.infinity }) else {
      throw BadInput(
        place: "logits", problem: "are not numbers, so there is no distribution",
        remedy: "check the weights with `touchstone verify`")
    }
    let byProbability = logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) }
    let tokens = Array(byProbability.prefix(max(0, count)))
    var choices: [SamplingOptions] = []
    for temperature in Set(Self.temperatures + [options.temperature]).sorted() {
      choices.append(try SamplingOptions(temperature: temperature, allowAnyTemperature: true))
    }
    if options.topK != nil || options.topP != nil { choices.append(options) }
    self.tokens = tokens
    columns = choices.map { Column(nextTokenDistribution(logits, options: $0), options: $0, tokens: tokens) }
  }
}

extension NextTokenTable.Column {
  fileprivate init(_ distribution: [Double], options: SamplingOptions, tokens: [Int]) {
    temperature = options.temperature
    topK = options.topK
    topP = options.topP
    probabilities = tokens.map { distribution[$0] }
    let shown = Set(tokens)
    others = distribution.indices.reduce(0) { shown.contains($1) ? $0 : $0 + distribution[$1] }
    possible = distribution.count { $0 > 0 }
    entropy = distribution.reduce(0) { $1 > 0 ? $0 - $1 * log($1) : $0 }
  }
}
