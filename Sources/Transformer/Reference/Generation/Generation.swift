import TouchstoneGraph
import TouchstoneModel

/// Predict, sample, append, repeat.
///
/// Clauses: GEN-1, GEN-3 to GEN-9.
public struct Generation: Sendable {
  /// Why a generation ended.
  public enum Ending: Sendable, Equatable {
    /// As many tokens as asked for were made.
    case maximumReached
    /// The model chose the token that ends a text.
    case endOfText
    /// The context window is full and `stopsAtContext` was set.
    case contextFull
  }

  /// What happens on the way.
  public enum Event: Sendable, Equatable {
    /// A token was appended.
    case token(Int)
    /// From here on the oldest tokens fall out of the window of that many tokens; said once.
    case windowSlides(contextLength: Int)
  }

  /// The greatest number of tokens to make.
  public var maximumTokens: Int
  /// The tokens that end a text; none where the model has none.
  public var endsOfText: Set<Int>
  /// Whether to end when prompt and text fill the context window, instead of forgetting the oldest tokens.
  public var stopsAtContext: Bool

  /// Collects the limits of a generation.
  public init(maximumTokens: Int, endsOfText: Set<Int> = [], stopsAtContext: Bool = false) {
    self.maximumTokens = maximumTokens
    self.endsOfText = endsOfText
    self.stopsAtContext = stopsAtContext
  }

  /// Continues `prompt`, handing each token to `report` as it is made.
  ///
  /// Once the text is longer than the context, the model sees its last `contextLength` tokens, at the
  /// positions 0, 1, 2, …
  ///
  /// Clauses: GEN-1, GEN-4 to GEN-8.
  ///
  /// - Throws: ``BadInput`` when the prompt is empty, does not fit the context, or holds an unknown id; and
  ///   what `report` throws.
  public func run(
    prompt: [Int], predictor: inout some NextTokenPredictor, sampler: inout Sampler,
    report: (Event) throws -> Void
  ) throws -> Ending {
    let contextLength = predictor.graph.contextLength ?? Inputs.greatestCount
    var tokens = try Inputs(tokenIDs: prompt, source: predictor.source, graph: predictor.graph).tokenIDs
    for _ in 0..<maximumTokens {
      if stopsAtContext, tokens.count >= contextLength { return .contextFull }
      if tokens.count == contextLength + 1 { try report(.windowSlides(contextLength: contextLength)) }
      let logits = try predictor.nextTokenLogits(after: tokens.suffix(contextLength))
      let next = try sampler.next(logits)
      if endsOfText.contains(next) { return .endOfText }
      tokens.append(next)
      try report(.token(next))
    }
    return .maximumReached
  }
}
