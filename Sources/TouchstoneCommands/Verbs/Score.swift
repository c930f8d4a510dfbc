import ArgumentParser
import Foundation
import TouchstoneAnalysis
import TouchstoneModel
import TouchstoneReports

/// The probability of every next token of a text.
struct Score: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "The probability that a model gives to every next token of a text.",
    discussion: """
      The loss of a token is -log of its probability, in nats: what training makes small. Perplexity is exp of the \
      mean loss. The first token is read and not scored.

      A text longer than the context is read in windows. Window k begins at token k*stride, reads at most a full \
      context of tokens and predicts the token after each; every token is scored once, by the first window that \
      predicts it. With the stride of a whole context, as in training, windows do not overlap and the first token of \
      each is predicted from one token alone; with a smaller one every token after the first window is predicted \
      from at least context - stride + 1 tokens, at the price of more passes.

      Example:
        touchstone score --model golden/models/shakespeare-gpt2 --text sonnet.txt
      """)

  @Option(help: ArgumentHelp("A Hugging Face folder of a model, or a GGUF file.", valueName: "dir"))
  var model: String

  @Option(help: ArgumentHelp("The text; - reads standard input.", valueName: "file"))
  var text: String

  @Option(help: "How far each window lies behind the one before it; the whole context unless given.")
  var stride: Int?

  @Option(help: "Which implementation predicts: \(Implementation.names).")
  var implementation: Implementation = .simd

  @Flag(help: "Leaves the single tokens out.")
  var summary = false

  @Option(help: ArgumentHelp("Draws the text, the darker the less expected.", valueName: "file.svg"))
  var picture: String?

  @OptionGroup var output: OverwriteOption

  @Flag(help: "Prints one JSON object.")
  var json = false

  func run() throws {
    let files = try OutputFiles(["--picture": picture], inputs: [model, text], overwrite: output.overwrite)
    let loaded = try LoadedModel(model)
    let tokenizer = try loaded.tokenizer()
    // Whatever the text spells is text here.
    let tokens = try tokenizer.encode(bytes: InputFile.read(text), specialTokens: .asText)
    let progress = Progress()
    let countdown = Countdown("scoring tokens", progress)
    let score = try TextScore(
      tokens: tokens, transformer: implementation.transformer(loaded.weights), stride: stride
    ) { scored in
      countdown.show(scored, of: tokens.count - 1)
    }
    progress.end()
    let report = ScoreReport(score, text: TokenText(tokenizer))
    try files.write(report.svg(first: tokens[0]), to: picture)
    Console.write(json ? report.json(withTokens: !summary) : report.terminal(withTokens: !summary))
  }
}
