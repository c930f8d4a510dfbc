import TouchstoneGraph

/// What a page shows besides the verdict: of the model, of the sequence, of the files, and how to run it again.
public struct PageContext: Sendable {
  /// A clause of the specification.
  public struct Clause: Sendable, Hashable {
    /// Its number, such as `ATT-7`.
    public let id: String
    /// What it says.
    public let statement: String
    /// The file of its chapter, such as `05-Attention.md`.
    public let chapter: String

    /// Quotes a clause.
    public init(id: String, statement: String, chapter: String) {
      self.id = id
      self.statement = statement
      self.chapter = chapter
    }
  }

  /// The next tokens of a golden and of a capture at one position, the most probable first.
  public struct NextTokens: Sendable {
    /// One token and its probability.
    public struct Choice: Sendable {
      /// Its text, or its id where that is not known.
      public let token: String
      /// From 0 to 1.
      public let probability: Double

      /// Names a token.
      public init(token: String, probability: Double) {
        self.token = token
        self.probability = probability
      }
    }

    /// Where in the sequence.
    public let position: Int
    /// Why this position is shown.
    public let reason: String
    /// By the golden.
    public let golden: [Choice]
    /// By the capture; empty where its logits are not finite.
    public let capture: [Choice]

    /// Joins the two.
    public init(position: Int, reason: String, golden: [Choice], capture: [Choice]) {
      self.position = position
      self.reason = reason
      self.golden = golden
      self.capture = capture
    }
  }

  /// What is known of one file.
  public struct File: Sendable {
    /// `golden` or `capture`.
    public let title: String
    /// Labels and what there is to say.
    public let facts: [(label: String, text: String)]

    /// Collects facts.
    public init(title: String, facts: [(label: String, text: String)]) {
      self.title = title
      self.facts = facts
    }
  }

  /// Every activation of the model, in the order of computation; empty where that is not known.
  public var order: [Activation] = []
  /// The clauses by which an activation is judged, that of its bound last.
  public var clauses: [Activation: [Clause]] = [:]
  /// The text of each token of the sequence, in order; empty where none is known.
  public var tokens: [String] = []
  /// Where the next tokens are compared.
  public var nextTokens: [NextTokens] = []
  /// The files that were compared.
  public var files: [File] = []
  /// What to type to judge the same again; nil where that is not known.
  public var command: String?
  /// Where the faults of the catalogue arise in practice, by their ids.
  public var practice: [String: String] = [:]

  /// Nothing besides the verdict.
  public init() {}
}
