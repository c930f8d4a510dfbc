/// A text that reads like a conversation, so that a model that only continues text continues it with an answer.
///
/// The frame is plain text, as a language model is turned into an assistant by nothing but what it reads:
///
///     SYSTEM
///
///     User: PROMPT
///
///     AI Assistant:
///
/// A model that was not trained on conversations will not answer well; the frame does not change that.
///
/// Clauses: GEN-12.
public struct Dialogue: Hashable, Sendable {
  /// What the model reads: the frame up to where the answer begins.
  public let text: String

  /// Where an answer ends: the model would go on with what the user says.
  public static let end = "\nUser:"

  /// Frames one question.
  ///
  /// - Parameters:
  ///   - system: what sets the scene, such as "What follows is a conversation with a helpful assistant."
  ///   - prompt: what the user says.
  public init(system: String, prompt: String) {
    text = "\(system)\n\nUser: \(prompt)\n\nAI Assistant:"
  }
}

/// Text that comes in pieces and ends before the first occurrence of a given text.
///
/// What could be the beginning of the end is held back until it is clear that it is not.
///
/// Clauses: GEN-13.
public struct TextUntil: Sendable {
  /// Whether the end was found.
  public private(set) var isEnded = false
  private let end: [Character]
  private var heldBack: [Character] = []

  /// Starts with no text.
  ///
  /// - Parameter end: not empty.
  public init(_ end: String) {
    precondition(!end.isEmpty, "nothing would end every text at once")
    self.end = Array(end)
  }

  /// What of the text so far is certain to stand before the end and was not handed out yet.
  ///
  /// Clauses: GEN-13.
  public mutating func append(_ piece: String) -> String {
    var certain = ""
    for character in piece where !isEnded {
      heldBack.append(character)
      while !end.starts(with: heldBack) {
        certain.append(heldBack.removeFirst())
      }
      isEnded = heldBack.count == end.count
    }
    return certain
  }

  /// What was held back and turned out not to be the end; empty after the end.
  ///
  /// Clauses: GEN-13.
  public mutating func finish() -> String {
    defer { heldBack = [] }
    return isEnded ? "" : String(heldBack)
  }
}
