import ArgumentParser
import TouchstoneGraph
import TouchstoneModel

/// The options that say which tokens a forward pass is given.
struct SequenceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Text, for the tokenizer in the model's folder (tokenizer.json, or what stands in its place).",
      valueName: "text"))
  var prompt: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Token ids instead of text, such as 1,2,3.", valueName: "ids"))
  var tokens: IntegerList?

  @Option(
    help: ArgumentHelp("0 for each key that nobody may attend to, 1 for the others.", valueName: "bits"))
  var attentionMask: IntegerList?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Where each token stands; 0,1,2,… unless given.", valueName: "ids"))
  var positionIds: IntegerList?

  @Option(
    help: ArgumentHelp(
      "Which of two texts each token belongs to, in models with token types; 0 unless given.",
      valueName: "types"))
  var tokenTypes: IntegerList?

  @Option(
    help: ArgumentHelp(
      "What the encoder reads, in models that have one: a text to translate, say.", valueName: "text"))
  var source: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Token ids of the source instead of its text.", valueName: "ids"))
  var sourceTokens: IntegerList?

  @Option(
    help: ArgumentHelp("0 for each token of the source that nobody may attend to.", valueName: "bits"))
  var sourceMask: IntegerList?

  @Option(
    help: ArgumentHelp("The sound that the encoder hears, of models that hear: PCM.", valueName: "file.wav"))
  var audio: String?

  func validate() throws {
    if audio != nil, source != nil || sourceTokens != nil || sourceMask != nil {
      throw ValidationError("Give either --audio or --source, not both.")
    }
    if source != nil, sourceTokens != nil {
      throw ValidationError("Give either --source or --source-tokens, not both.")
    }
    if prompt != nil, tokens != nil {
      throw ValidationError("Give either --prompt or --tokens, not both.")
    }
    for (name, mask) in [("--attention-mask", attentionMask), ("--source-mask", sourceMask)]
    where mask?.values.allSatisfy({ $0 == 0 || $0 == 1 }) == false {
      throw ValidationError("\(name) takes only 0 and 1.")
    }
  }

  /// Whether nothing was given.
  var isEmpty: Bool { !isGiven && !saysMore }

  /// Whether anything is said of the sequence besides its tokens.
  var saysMore: Bool {
    attentionMask != nil || positionIds != nil || tokenTypes != nil || source != nil || sourceTokens != nil
      || sourceMask != nil || audio != nil
  }

  /// Whether any tokens were given.
  var isGiven: Bool { prompt != nil || tokens != nil }

  /// The model as it reads what is given, and the checked inputs.
  func inputs(for model: LoadedModel) throws -> (model: LoadedModel, inputs: Inputs) {
    guard let audio else { return (model, try inputs(for: model, source: source(for: model))) }
    let (hearing, source) = try model.hearing(audio)
    return (hearing, try inputs(for: hearing, source: source))
  }

  private func inputs(for model: LoadedModel, source: Inputs?) throws -> Inputs {
    try Inputs(
      tokenIDs: tokenIDs(for: model), positionIDs: positionIds?.values,
      attentionMask: attentionMask?.values.map { $0 == 1 }, tokenTypeIDs: tokenTypes?.values,
      source: source, graph: model.weights.graph)
  }

  /// What the encoder reads; nil where nothing was given.
  private func source(for model: LoadedModel) throws -> Inputs? {
    guard let ids = try sourceTokens?.values ?? source.map({ try model.tokenizer().encode($0) }) else {
      guard sourceMask == nil else { throw ValidationError("--source-mask goes with --source.") }
      return nil
    }
    return try Inputs.source(
      tokenIDs: ids, attentionMask: sourceMask?.values.map { $0 == 1 }, graph: model.weights.graph)
  }

  private func tokenIDs(for model: LoadedModel) throws -> [Int] {
    if let tokens { return tokens.values }
    guard let prompt else { throw ValidationError("Give --prompt or --tokens.") }
    let tokenizer = try model.tokenizer()
    return try (source == nil && sourceTokens == nil ? tokenizer : tokenizer.ofAnswers).encode(prompt)
  }
}
