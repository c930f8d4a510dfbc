import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// What training looks at: the probability that a model gave to each next token of a text.
public struct TextScore: Sendable {
  /// One token of the text and how well it was foreseen.
  public struct Prediction: Hashable, Sendable {
    /// Where the token stands in the text, from 0.
    public let position: Int
    /// The token's id.
    public let token: Int
    /// How many tokens before it the model had read.
    public let contextLength: Int
    /// The probability that the model gave to it.
    public let probability: Double
    /// −log of that probability, in nats: the loss.
    public let loss: Double
    /// The token that the model thought most probable.
    public let best: Int
    /// The probability of that token.
    public let bestProbability: Double
  }

  /// Every token but the first, in the order of the text.
  public let predictions: [Prediction]
  /// How many tokens the model read at once at most.
  public let contextLength: Int
  /// How far each window of the text lay behind the one before it.
  public let stride: Int

  /// The window of a model that sets itself no bound, as rotary positions do not.
  private static let usualContext = 2048

  /// The mean loss: nats a token.
  public var meanLoss: Double {
    predictions.reduce(0) { $0 + $1.loss } / Double(predictions.count)
  }

  /// exp of the mean loss: among how many equally probable tokens the model was as good as choosing.
  public var perplexity: Double { exp(meanLoss) }

  /// Scores a text.
  ///
  /// - Parameters:
  ///   - tokens: at least two.
  ///   - transformer: whose predictions are scored.
  ///   - stride: of the windows of a text longer than the context (``ScoringWindows``); the context length unless
  ///     given.
  ///   - progress: is told how many tokens were scored so far.
  /// - Throws: ``BadInput`` when there is nothing to score, the stride does not fit the context, an id is outside
  ///   the vocabulary, or the model's logits are not numbers.
  public init<Model: Transformer>(
    tokens: [Int], transformer: Model, stride: Int? = nil, progress: (Int) -> Void = { _ in }
  ) throws {
    let graph = transformer.graph
    contextLength = graph.contextLength ?? Self.usualContext
    let windows = try ScoringWindows(
      tokenCount: tokens.count, contextLength: contextLength, stride: stride ?? contextLength)
    guard tokens.count > 1 else {
      throw BadInput(
        place: "text", problem: "has \(tokens.count) tokens, so none follows another",
        remedy: "give a text of at least two tokens")
    }
    self.stride = windows.stride
    var predictions: [Prediction] = []
    for window in windows {
      let inputs = try Inputs(tokenIDs: Array(tokens[window.read]), graph: graph)
      try transformer.forward(inputs) { activation, logits in
        guard activation == graph.results.logits else { return }
        for position in window.scored {
          let contextLength = position - window.read.lowerBound
          predictions.append(
            try Self.prediction(
              of: tokens, at: position, contextLength: contextLength, logits: logits.row(contextLength - 1)))
        }
      }
      progress(predictions.count)
    }
    self.predictions = predictions
  }

  private static func prediction(
    of tokens: [Int], at position: Int, contextLength: Int, logits: ArraySlice<some BinaryFloatingPoint>
  ) throws(BadInput) -> Prediction {
    let logits = logits.map { Double($0) }
    guard logits.indices.contains(tokens[position]) else {
      throw BadInput(
        place: "token ids", problem: "\(tokens[position]) is outside the vocabulary 0…\(logits.count - 1)",
        remedy: "use ids of this model's tokenizer")
    }
    let best = argMax(logits)
    let total = logits.reduce(0) { $0 + exp($1 - logits[best]) }
    guard total.isFinite else {
      throw BadInput(
        place: "logits", problem: "are not numbers after token \(position - 1)",
        remedy: "check the weights with `touchstone verify`")
    }
    let loss = log(total) - (logits[tokens[position]] - logits[best])
    return Prediction(
      position: position, token: tokens[position], contextLength: contextLength, probability: exp(-loss),
      loss: loss, best: best, bestProbability: 1 / total)
  }
}
