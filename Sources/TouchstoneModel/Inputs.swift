/// What a forward pass is given: token ids, where they stand, and which of them may be attended to.
public struct Inputs: Hashable, Sendable {
  /// Token ids, each in 0 ..< V: [T].
  public let tokenIDs: [Int]
  /// Position ids, each in 0 ..< context length: [T]; 0 … T−1 unless given.
  public let positionIDs: [Int]
  /// false marks a key that nobody may attend to: [T]; nil where all may be.
  public let attentionMask: [Bool]?

  /// T: the number of tokens.
  public var count: Int { tokenIDs.count }

  /// Checks the ids against `configuration`.
  ///
  /// - Throws: ``BadInput`` for an empty or too long sequence, an id out of range, or unequal counts.
  public init(
    tokenIDs: [Int], positionIDs: [Int]? = nil, attentionMask: [Bool]? = nil,
    configuration: Configuration
  ) throws(BadInput) {
    let count = tokenIDs.count
    guard count > 0 else {
      throw BadInput(place: "token ids", problem: "there are none", remedy: "give at least one token")
    }
    guard count <= configuration.contextLength else {
      throw BadInput(
        place: "token ids",
        problem: "\(count) tokens do not fit the context of \(configuration.contextLength)",
        remedy: "shorten the prompt to \(configuration.contextLength) tokens")
    }
    let positions = positionIDs ?? Array(0..<count)
    for (what, length) in [
      ("position ids", positions.count), ("attention mask", attentionMask?.count ?? count),
    ]
    where length != count {
      throw BadInput(
        place: what, problem: "has \(length) entries for \(count) tokens", remedy: "give one for each token")
    }
    if let bad = tokenIDs.first(where: { !(0..<configuration.vocabularySize).contains($0) }) {
      throw BadInput(
        place: "token ids", problem: "\(bad) is outside the vocabulary 0…\(configuration.vocabularySize - 1)",
        remedy: "use ids of this model's tokenizer")
    }
    if let bad = positions.first(where: { !(0..<configuration.contextLength).contains($0) }) {
      throw BadInput(
        place: "position ids", problem: "\(bad) is outside 0…\(configuration.contextLength - 1)",
        remedy: "use positions inside the context window")
    }
    self.tokenIDs = tokenIDs
    self.positionIDs = positions
    self.attentionMask = attentionMask
  }

  /// Whether the token at `query` may attend to the token at `key`: it is not later, and not masked.
  public func isVisible(key: Int, from query: Int) -> Bool {
    key <= query && (attentionMask?[key] ?? true)
  }
}
