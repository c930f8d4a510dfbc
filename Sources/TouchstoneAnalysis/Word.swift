import TouchstoneModel
import TouchstoneTokenizer

/// A word that is one token of a vocabulary.
public struct Word: Hashable, Sendable, CustomStringConvertible {
  /// The token's id.
  public let token: Int
  /// The token's text, with the space before it if it has one.
  public let text: String

  /// How a word is looked up.
  public enum Lookup: Sendable {
    /// As it stands inside a sentence, with a space before it; where that is not one token, as it is written.
    case insideSentence
    /// As it is written, a space before it only where one was given.
    case asWritten
  }

  /// Looks a word up.
  ///
  /// - Throws: ``BadInput`` naming the pieces of a word that is not one token.
  public init(_ text: String, in tokenizer: Tokenizer, lookup: Lookup = .insideSentence) throws(BadInput) {
    let spaced = " " + text
    let spellings = lookup == .asWritten || text.hasPrefix(" ") ? [text] : [spaced, text]
    for spelling in spellings {
      let ids = try tokenizer.encode(spelling, addsSpecialTokens: false)
      if ids.count == 1 {
        self.init(token: ids[0], text: spelling)
        return
      }
    }
    var pieces: [String] = []
    for id in try tokenizer.encode(spellings[0], addsSpecialTokens: false) {
      pieces.append(TokenText.quoted(try tokenizer.token(id)))
    }
    throw BadInput(
      place: "the word " + TokenText.quoted(Array(text.utf8)),
      problem: pieces.isEmpty ? "is empty" : "is \(pieces.count) tokens: " + pieces.joined(separator: " "),
      remedy: "choose a word that is one token of this vocabulary")
  }

  /// The text in quotes, such as `" king"`.
  public var description: String { TokenText.quoted(Array(text.utf8)) }

  private init(token: Int, text: String) {
    self.token = token
    self.text = text
  }
}
