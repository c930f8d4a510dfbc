import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReports
import TouchstoneVerdict

/// A scored text, rendered.
public struct ScoreReport: Sendable {
  private let score: TextScore
  private let text: TokenText

  /// Joins a score with the names of its tokens.
  public init(_ score: TextScore, text: TokenText) {
    self.score = score
    self.text = text
  }

  /// One line for each token and a summary, for a person.
  public func terminal(withTokens: Bool = true) -> String {
    (withTokens ? table + [""] : []).joined(separator: "\n") + summary + "\n"
  }

  /// One JSON object; probabilities and losses of every token only `withTokens`.
  public func json(withTokens: Bool = true) -> String {
    var members: [(String, OrderedJSON)] = [
      ("scored", .integer(score.predictions.count)),
      ("loss", .number(score.meanLoss)),
      ("perplexity", .number(score.perplexity)),
      ("bits_per_byte", .optional(bitsPerByte)),
      ("context", .integer(score.contextLength)),
      ("stride", .integer(score.stride)),
    ]
    if withTokens { members.append(("tokens", .array(score.predictions.map(object)))) }
    return OrderedJSON.object(members).text() + "\n"
  }

  /// The text, each token the darker the less the model expected it.
  ///
  /// - Parameter first: the token before the first one scored.
  /// - Throws: ``BadInput`` for a text too long to draw.
  public func svg(first: Int) throws(BadInput) -> String {
    let tokens = [first] + score.predictions.map(\.token)
    return try ScorePicture(score, labels: tokens.map(text.visible)).svg
  }

  private var table: [String] {
    var table = AlignedColumns([false, true, true, false, true].map { AlignedColumns.Column(isRight: $0) })
    table.add(["token", "probability", "loss", "most probable", ""])
    for prediction in score.predictions {
      let isBest = prediction.best == prediction.token
      table.add([
        text.quoted(prediction.token), percent(prediction.probability, digits: 2), fixed(prediction.loss, 3),
        isBest ? "this one" : text.quoted(prediction.best),
        isBest ? "" : percent(prediction.bestProbability, digits: 2),
      ])
    }
    return table.lines() + [""]
  }

  private var summary: String {
    let rate = bitsPerByte.map { ", \(fixed($0, 3)) bits a byte" } ?? ""
    let contexts = score.predictions.map(\.contextLength)
    return """
      \(counted(score.predictions.count, "token")) scored: loss \(fixed(score.meanLoss, 4)) nats a token, \
      perplexity \(fixed(score.perplexity, 2))\(rate)
      each predicted from the \(contexts.min() ?? 0) to \(contexts.max() ?? 0) tokens before it \
      (context \(grouped(score.contextLength)), stride \(grouped(score.stride)))
      """
  }

  /// The loss of all tokens over the bytes of all tokens: comparable between vocabularies.
  private var bitsPerByte: Double? {
    var bytes = 0
    for prediction in score.predictions {
      guard let token = text.bytes(prediction.token) else { return nil }
      bytes += token.count
    }
    return bytes == 0 ? nil : score.meanLoss * Double(score.predictions.count) / log(2) / Double(bytes)
  }

  private func object(_ prediction: TextScore.Prediction) -> OrderedJSON {
    .object(
      [("position", .integer(prediction.position))] + text.members(prediction.token) + [
        ("context", .integer(prediction.contextLength)),
        ("probability", .number(prediction.probability)),
        ("loss", .number(prediction.loss)),
        (
          "best",
          .object(text.members(prediction.best) + [("probability", .number(prediction.bestProbability))])
        ),
      ])
  }
}
