import TouchstoneGraph
import TouchstoneModel
import TouchstoneReports

/// How alike texts are, rendered.
public struct SentenceReport: Sendable {
  /// A text and its vector.
  public struct Sentence: Sendable {
    /// As it was given.
    public let text: String
    /// How many tokens it has, those that the tokenizer puts around it among them.
    public let tokenCount: Int
    /// Of length 1: [D].
    public let vector: [Double]

    /// A text with its vector, of length 1.
    public init(text: String, tokenCount: Int, vector: [Double]) {
      (self.text, self.tokenCount, self.vector) = (text, tokenCount, vector)
    }
  }

  private let sentences: [Sentence]
  private let pooling: SentenceSpace.Pooling

  /// Compares each with each.
  public init(_ sentences: [Sentence], pooling: SentenceSpace.Pooling) {
    (self.sentences, self.pooling) = (sentences, pooling)
  }

  /// The cosine of the angle between two of them.
  private func cosine(_ one: Int, _ other: Int) -> Double {
    zip(sentences[one].vector, sentences[other].vector).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// Pairs for a person, the most alike first; of one text its vector's length alone.
  public func terminal() -> String {
    let what = pooling == .mean ? "the mean of the tokens' last vectors" : "the row of the text's end"
    guard sentences.count > 1 else {
      let one = sentences.map {
        "\(Escaping.line($0.text)): \($0.tokenCount) tokens, \($0.vector.count) numbers"
      }
      return (one + ["by \(what), of length 1; --json prints them"]).joined(separator: "\n") + "\n"
    }
    var table = AlignedColumns([true, false, false].map { AlignedColumns.Column(isRight: $0) })
    table.add(["cosine", "sentence", "sentence"])
    let pairs = sentences.indices.flatMap { one in
      (one + 1..<sentences.count).map { (one: one, other: $0, cosine: cosine(one, $0)) }
    }
    for pair in pairs.sorted(by: { ($1.cosine, $0.one, $0.other) < ($0.cosine, $1.one, $1.other) }) {
      table.add([
        fixed(pair.cosine, 3), Escaping.line(sentences[pair.one].text),
        Escaping.line(sentences[pair.other].text),
      ])
    }
    return (["how alike sentences are, by \(what)"] + table.lines()).joined(separator: "\n") + "\n"
  }

  /// One JSON object: the vectors, and every cosine.
  public func json() -> String {
    OrderedJSON.object([
      ("pooling", .string(pooling.rawValue)),
      (
        "sentences",
        .array(
          sentences.map {
            .object([
              ("text", .string($0.text)), ("token_count", .integer($0.tokenCount)),
              ("vector", .array($0.vector.map { .number($0) })),
            ])
          })
      ),
      (
        "cosines",
        .array(sentences.indices.map { one in .array(sentences.indices.map { .number(cosine(one, $0)) }) })
      ),
    ]).text() + "\n"
  }
}
