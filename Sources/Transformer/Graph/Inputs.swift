import TouchstoneModel

/// One sequence: token ids, where they stand, and which of them may be attended to; or several of one length, one behind the
/// other, of which none sees another.
///
/// In a model with an encoder the source besides, the sequence that the encoder reads.
public struct Inputs: Hashable, Sendable {
  /// Token ids: [T]; none of a sound, and where arrays are given.
  public let tokenIDs: [Int]
  /// Position ids: [T]; unless given 0 … T−1, or by how many visible tokens come before, or as the model counts them
  /// over padding.
  public let positionIDs: [Int]
  /// false marks a key that nobody may attend to: [T]; nil where all may be.
  public let attentionMask: [Bool]?
  /// The token that should come after each, −100 where none is asked for: [T]; nil where nothing is trained.
  public let targets: [Int]?
  /// How many sequences of equal length stand one behind the other.
  public let sequenceCount: Int

  /// Token ids of the whole sequence, of which these may be some of the tokens.
  package let sequenceIDs: [Int]

  /// Which part of a pair of texts each token belongs to: [T]; 0 unless given.
  public let tokenTypeIDs: [Int]

  /// What an encoder hears, where this is a source that is no text; nil otherwise.
  public let sound: Sound?

  /// Arrays that the model is given in place of ids; none where it reads ids.
  private let arrays: [Input: GivenArray]

  /// None, or the source.
  private let sources: [Inputs]

  /// What an encoder reads, a sequence of its own; nil in a model without one.
  public var source: Inputs? { sources.first }

  /// T: the number of tokens, of all sequences together.
  public var count: Int { positionIDs.count }

  /// The number of tokens in each sequence.
  public var sequenceLength: Int { count / sequenceCount }

  /// The greatest number of tokens, and the greatest position.
  public static let greatestCount = 1 << 24

  /// Checks the ids against the tables that the graph looks them up in.
  ///
  /// - Parameter source: what the encoder reads, by ``source(tokenIDs:positionIDs:attentionMask:graph:)``.
  /// - Throws: ``BadInput`` for an empty or too long sequence, an id out of range, unequal counts, or a source that is
  ///   missing, or given to a model without an encoder.
  public init(
    tokenIDs: [Int], positionIDs: [Int]? = nil, attentionMask: [Bool]? = nil, tokenTypeIDs: [Int]? = nil,
    source: Inputs? = nil, targets: [Int]? = nil, sequenceCount: Int = 1, graph: Graph
  ) throws(BadInput) {
    if graph.readsSource, source == nil {
      throw BadInput(
        place: "source", problem: "is missing, which the model's encoder reads",
        remedy: graph.hearing == nil
          ? "give --source TEXT, or \(Input.encoderTokenIDs.rawValue) in a file"
          : "give --audio FILE.wav, or \(Input.inputFeatures.rawValue) in a file")
    }
    if !graph.readsSource, source != nil {
      throw BadInput(
        place: "source", problem: "is given to a model without an encoder", remedy: "give the prompt alone")
    }
    if source != nil, sequenceCount > 1 {
      throw BadInput(
        place: "source", problem: "is one, for \(sequenceCount) sequences", remedy: "give one sequence")
    }
    try self.init(
      tokenIDs, positionIDs, attentionMask, tokenTypeIDs, targets, sequenceCount: sequenceCount,
      ofSource: false, sources: source.map { [$0] } ?? [], graph)
  }

  /// What an encoder reads, checked against the tables of its own.
  ///
  /// - Throws: ``BadInput`` for an empty or too long sequence, an id out of range, unequal counts, or a model without an
  ///   encoder.
  public static func source(
    tokenIDs: [Int], positionIDs: [Int]? = nil, attentionMask: [Bool]? = nil, graph: Graph
  ) throws(BadInput) -> Inputs {
    guard graph.readsSource else {
      throw BadInput(
        place: "source", problem: "is given to a model without an encoder", remedy: "give the prompt alone")
    }
    guard graph.hearing == nil else {
      throw BadInput(
        place: "source", problem: "is a text, and the model's encoder hears sound",
        remedy: "give --audio FILE.wav")
    }
    return try Inputs(
      tokenIDs, positionIDs, attentionMask, nil, nil, sequenceCount: 1, ofSource: true, sources: [], graph)
  }

  /// What an encoder hears.
  ///
  /// - Throws: ``BadInput`` for a sound of another length or shape, or a model that hears none of this form.
  public static func source(_ sound: Sound, graph: Graph) throws(BadInput) -> Inputs {
    let input = sound.frontEnd == nil ? Input.inputFeatures : .audio
    guard let hearing = graph.hearing, graph.inputs.contains(input) else {
      throw BadInput(
        place: input.rawValue, problem: "is given to a model that hears none of this form",
        remedy: "give what the model reads")
    }
    try sound.check(hearing)
    return Inputs(sound, count: hearing.tokens)
  }

  /// Arrays that a model is given in place of ids.
  ///
  /// - Throws: ``BadInput`` for an array that is missing, of another shape, not finite, or not read, and for more tokens than
  ///   the model has positions.
  public init(arrays: [Input: Tensor<Float>], graph: Graph) throws(BadInput) {
    let count = try graph.tokenCount(of: arrays)
    self.init(
      nil, count: count, arrays: Dictionary(uniqueKeysWithValues: arrays.map { ($0, GivenArray($0, $1)) }))
  }

  private init(_ sound: Sound?, count: Int, arrays: [Input: GivenArray] = [:]) {
    self.sound = sound
    self.arrays = arrays
    (tokenIDs, sequenceIDs) = ([], [])
    positionIDs = Array(0..<count)
    (attentionMask, targets) = (nil, nil)
    sequenceCount = 1
    tokenTypeIDs = [Int](repeating: 0, count: count)
    sources = []
  }

  private init(
    _ tokenIDs: [Int], _ positionIDs: [Int]?, _ attentionMask: [Bool]?, _ tokenTypeIDs: [Int]?,
    _ targets: [Int]?, sequenceCount: Int, ofSource: Bool, sources: [Inputs], _ graph: Graph
  ) throws(BadInput) {
    if let array = graph.arrays.first {
      throw BadInput(
        place: "token ids", problem: "are given to a model that reads \(array.rawValue)",
        remedy:
          "give a file that holds \(Activation(given: array)) by --inputs FILE.h5 of `touchstone record`")
    }
    let (count, prefix) = (tokenIDs.count, ofSource ? "the source's " : "")
    func idCount(of input: Input) -> Int? { graph.idCount(of: ofSource ? input.ofSource : input) }
    guard count > 0, sequenceCount > 0, count.isMultiple(of: sequenceCount) else {
      throw BadInput(
        place: prefix + "token ids", problem: "there are none", remedy: "give at least one token")
    }
    let positionCount = idCount(of: .positionIDs) ?? Self.greatestCount
    let length = count / sequenceCount
    guard length <= positionCount, count <= Self.greatestCount else {
      throw BadInput(
        place: prefix + "token ids", problem: "\(length) tokens do not fit the context of \(positionCount)",
        remedy: "shorten the \(ofSource ? "source" : "prompt") to \(positionCount) tokens")
    }
    let countsVisible = !ofSource && graph.countsVisible
    let padding = ofSource ? nil : graph.paddingID
    let positions =
      positionIDs
      ?? padding.map { Self.positions(tokenIDs, length: length, behind: $0) }
      ?? Self.positions(count, length: length, attentionMask.flatMap { countsVisible ? $0 : nil })
    for (what, length) in [
      ("position ids", positions.count), ("attention mask", attentionMask?.count ?? count),
      ("token types", tokenTypeIDs?.count ?? count), ("targets", targets?.count ?? count),
    ]
    where length != count {
      throw BadInput(
        place: prefix + what, problem: "has \(length) entries for \(count) tokens",
        remedy: "give one for each token")
    }
    let tokenCount = idCount(of: .tokenIDs) ?? Self.greatestCount
    if let bad = tokenIDs.first(where: { !(0..<tokenCount).contains($0) }) {
      throw BadInput(
        place: prefix + "token ids", problem: "\(bad) is outside the vocabulary 0…\(tokenCount - 1)",
        remedy: "use ids of this model's tokenizer")
    }
    let first = countsVisible ? -1 : 0
    if let bad = positions.first(where: { !(first..<positionCount).contains($0) }) {
      throw BadInput(
        place: prefix + "position ids", problem: "\(bad) is outside \(first)…\(positionCount - 1)",
        remedy: "use positions inside the context window")
    }
    let types = tokenTypeIDs ?? [Int](repeating: 0, count: count)
    let typeCount = graph.idCount(of: .tokenTypeIDs) ?? 1
    if let bad = types.first(where: { !(0..<typeCount).contains($0) }) {
      throw BadInput(
        place: "token types", problem: "\(bad) is outside 0…\(typeCount - 1)",
        remedy: typeCount > 1 ? "use the model's types" : "give none: the model has no token types")
    }
    if let targets { try Self.check(targets, vocabularySize: graph.vocabularySize ?? tokenCount) }
    self.tokenIDs = tokenIDs
    sequenceIDs = tokenIDs
    self.positionIDs = positions
    self.attentionMask = attentionMask
    self.targets = targets
    self.sequenceCount = sequenceCount
    self.tokenTypeIDs = types
    sound = nil
    arrays = [:]
    self.sources = sources
  }

  private init(_ whole: Inputs, tokens: [Int]) {
    tokenIDs = whole.tokenIDs.isEmpty ? [] : tokens.map { whole.tokenIDs[$0] }
    arrays = whole.arrays.mapValues { $0.selecting(tokens) }
    sequenceIDs = whole.sequenceIDs
    sound = whole.sound
    positionIDs = tokens.map { whole.positionIDs[$0] }
    attentionMask = whole.attentionMask.map { mask in tokens.map { mask[$0] } }
    tokenTypeIDs = tokens.map { whole.tokenTypeIDs[$0] }
    sources = whole.sources
    targets = whole.targets.map { targets in tokens.map { targets[$0] } }
    sequenceCount = 1
  }

  /// Some of the tokens, as they are; there may be none.
  package func selecting(_ tokens: [Int]) -> Inputs { Inputs(self, tokens: tokens) }

  private static func check(_ targets: [Int], vocabularySize: Int) throws(BadInput) {
    let asked = targets.filter { $0 != Loss.ignoredTarget }
    guard !asked.isEmpty else {
      throw BadInput(
        place: "targets", problem: "every one is \(Loss.ignoredTarget), so that nothing is asked for",
        remedy: "give at least one token id")
    }
    if let bad = asked.first(where: { !(0..<vocabularySize).contains($0) }) {
      throw BadInput(
        place: "targets", problem: "\(bad) is outside the vocabulary 0…\(vocabularySize - 1)",
        remedy: "use ids of this model's tokenizer, and \(Loss.ignoredTarget) where there is no target")
    }
  }

  /// 0 … T−1 in each sequence; with a mask, how many visible tokens come before, and −1 for what is masked.
  private static func positions(_ count: Int, length: Int, _ mask: [Bool]?) -> [Int] {
    guard let mask, mask.count == count else { return (0..<count).map { $0 % length } }
    var seen = 0
    return mask.enumerated().map { place, isVisible in
      if place.isMultiple(of: length) { seen = 0 }
      seen += isVisible ? 1 : 0
      return isVisible ? seen - 1 : -1
    }
  }

  /// Counted in each sequence over what is no padding, from behind the padding's id, where padding itself stands.
  private static func positions(_ tokens: [Int], length: Int, behind padding: Int) -> [Int] {
    var last = padding
    return tokens.enumerated().map { place, token in
      if place.isMultiple(of: length) { last = padding }
      if token != padding { last += 1 }
      return token == padding ? padding : last
    }
  }

  /// The ids that a table is looked up by; those of the source where it is the source's or this one is it.
  public func ids(_ input: Input) -> [Int] {
    if input.isOfSource { return (source ?? self).ids(input.own) }
    return switch input {
    case .positionIDs: positionIDs
    case .tokenTypeIDs: tokenTypeIDs
    case .attentionMask: attentionMask?.map { $0 ? 1 : 0 } ?? [Int](repeating: 1, count: count)
    case .targets: targets ?? [Int](repeating: Loss.ignoredTarget, count: count)
    default: tokenIDs
    }
  }

  /// Which arrays are given.
  public var givenArrays: [Input] { Input.allCases.filter { arrays[$0] != nil } }

  /// An array that is given; empty where it is not.
  public func array(_ input: Input) -> Tensor<Float> { arrays[input]?.tensor ?? Tensor([], shape: [0, 0]) }

  /// How many keys there are, seen or not: of the source, where this is the source or has one.
  package func keyCount(under visibility: Visibility) -> Int {
    visibility.readsSource ? (source ?? self).count : count
  }

  /// Whether the token at `query` may attend to the token at `key`: both are of one sequence, the rule allows it, and the mask
  /// does not exclude the key.
  public func isVisible(key: Int, from query: Int, under visibility: Visibility) -> Bool {
    if visibility.readsSource { return (source ?? self).attentionMask?[key] ?? true }
    return visibility.allows(key: key, from: query)
      && (sequenceCount == 1 || key / sequenceLength == query / sequenceLength)
      && (attentionMask?[key] ?? true)
  }
}
