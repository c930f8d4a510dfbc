import ArgumentParser
import TouchstoneAnalysis
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReports
import TouchstoneTokenizer

/// Distances, analogies and directions in the embedding matrix, and how alike sentences are.
struct Embeddings: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embeddings",
    abstract: "Distances, analogies and directions in the embedding matrix; how alike sentences are.",
    discussion: """
      nearest WORD      the tokens whose embeddings are most alike to the word's
      analogy A B C     the tokens nearest to E(A) - E(B) + E(C); the three themselves are left out
      direction A B     how far each word of the --test pairs lies along E(B) - E(A), by the dot product: where the \
      direction means something, the second word of a pair lies further along it than the first

      Each word must be one token. It is looked up as it stands inside a sentence, with a space before it, and where \
      that is not one token as it is written; --as-written adds no space.

      --sentence TEXT, as often as there are texts, takes whole texts instead: each is encoded as the tokenizer does, and \
      stands as the mean of its tokens' last vectors, as sentence encoders such as MiniLM are used, or as the row of its \
      end in models that pick one (CLIP). Vectors have length 1; the cosines of all pairs are shown, and --json holds both.

      Examples:
        touchstone embeddings --model golden/models/shakespeare-gpt2 nearest king
        touchstone embeddings --model golden/models/shakespeare-gpt2 \\
          analogy your you thou
        touchstone embeddings --model golden/models/shakespeare-gpt2 \\
          direction thou thy --test you your I my
        touchstone embeddings --model MiniLM --sentence "A cat sleeps." \
          --sentence "A kitten is napping." --sentence "The market fell."
      """)

  /// What is asked.
  enum Question: String, CaseIterable, ExpressibleByArgument {
    case nearest, analogy, direction

    var wordCount: Int {
      switch self {
      case .nearest: 1
      case .analogy: 3
      case .direction: 2
      }
    }
  }

  @Option(help: ArgumentHelp("A Hugging Face folder of a model, or a GGUF file.", valueName: "dir"))
  var model: String

  @Argument(help: "nearest, analogy or direction.")
  var question: Question?

  @Argument(help: "The words it is about.")
  var words: [String] = []

  @Option(
    name: .customLong("sentence"),
    help: ArgumentHelp("A text to compare with the others; may be given often.", valueName: "text"))
  var sentences: [String] = []

  @Option(help: "Which implementation computes sentences: \(Implementation.names).")
  var implementation: Implementation = .simd

  @Option(parsing: .upToNextOption, help: ArgumentHelp("Pairs of words for direction.", valueName: "words"))
  var test: [String] = []

  @Option(help: "How alike two vectors are: cosine (the angle) or dot (the lengths too).")
  var by: EmbeddingSpace.Similarity = .cosine

  @Option(help: "How many tokens to show.")
  var count: Int = 10

  @Flag(help: "Looks words up exactly as they are written, without a space before them.")
  var asWritten = false

  @Flag(help: "Prints one JSON object.")
  var json = false

  func validate() throws {
    guard let question else {
      guard !sentences.isEmpty else {
        throw ValidationError("Say nearest, analogy or direction, or give --sentence.")
      }
      return
    }
    guard sentences.isEmpty else { throw ValidationError("Give either a question or --sentence, not both.") }
    guard words.count == question.wordCount else {
      throw ValidationError(
        "\(question.rawValue) takes \(question.wordCount) words; \(words.count) were given.")
    }
    guard question == .direction ? !test.isEmpty && test.count.isMultiple(of: 2) : test.isEmpty else {
      throw ValidationError("direction, and nothing else, takes --test with pairs of words.")
    }
    guard count >= 1 else { throw ValidationError("--count must be at least 1.") }
  }

  func run() throws {
    let loaded = try LoadedModel(model)
    let tokenizer = try loaded.tokenizer()
    guard let question else { return try compare(loaded, tokenizer) }
    let space = try EmbeddingSpace(loaded.weights)
    let words = try look(words, up: tokenizer)
    switch question {
    case .nearest:
      try printNeighbours(of: space.vector(words[0].token), "\(words[0])", words, space, tokenizer)
    case .analogy:
      let vector = space.analogy(words[0].token, minus: words[1].token, plus: words[2].token)
      try printNeighbours(of: vector, "\(words[0]) - \(words[1]) + \(words[2])", words, space, tokenizer)
    case .direction:
      let tested = try look(test, up: tokenizer)
      let pairs = stride(from: 0, to: tested.count, by: 2).map { (from: tested[$0], to: tested[$0 + 1]) }
      let report = DirectionReport(from: words[0], to: words[1], pairs: pairs, space: space)
      Console.write(json ? report.json() : report.terminal())
    }
  }

  private func compare(_ loaded: LoadedModel, _ tokenizer: Tokenizer) throws {
    let graph = loaded.weights.graph
    let space = try SentenceSpace(graph)
    let transformer = try implementation.transformer(loaded.weights)
    let compared = try sentences.map { text in
      let inputs = try Inputs(tokenIDs: tokenizer.encode(text), graph: graph)
      return SentenceReport.Sentence(
        text: text, tokenCount: inputs.count, vector: try space.vector(of: inputs, by: transformer))
    }
    let report = SentenceReport(compared, pooling: space.pooling)
    Console.write(json ? report.json() : report.terminal())
  }

  private func look(_ words: [String], up tokenizer: Tokenizer) throws -> [Word] {
    try words.map { try Word($0, in: tokenizer, lookup: asWritten ? .asWritten : .insideSentence) }
  }

  private func printNeighbours(
    of vector: [Double], _ name: String, _ words: [Word], _ space: EmbeddingSpace, _ tokenizer: Tokenizer
  ) throws {
    let found = try space.nearest(to: vector, by: by, count: count, excluding: Set(words.map(\.token)))
    let report = NeighboursReport(
      point: name, similarity: by, neighbours: found, text: TokenText(tokenizer))
    Console.write(json ? report.json() : report.terminal())
  }
}

extension EmbeddingSpace.Similarity: ExpressibleByArgument {}
