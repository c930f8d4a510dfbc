import ArgumentParser
import TouchstoneAnalysis
import TouchstoneModel
import TouchstoneReports
import TouchstoneTokenizer

/// Which tokens attend to which.
struct Attention: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "attention",
    abstract: "Shows which tokens each token of a text attends to.",
    discussion: """
      Prints, for each head of a layer, each token and the three tokens that it attends to most; --json prints every \
      weight, and --picture draws them all: rows look at columns, darkness is the weight, grey is the hidden future.

      Example:
        touchstone attention --model golden/models/shakespeare-gpt2 \\
          --prompt "ROMEO:" --layer 1 --head 2
      """)

  @Option(help: ArgumentHelp("A Hugging Face folder of a model, or a GGUF file.", valueName: "dir"))
  var model: String

  @OptionGroup var sequence: SequenceOptions

  @Option(help: "The layer, from 0.")
  var layer: Int = 0

  @Option(help: "Whose attention in a model with an encoder: own, encoder, or cross, that to the source.")
  var part: AttentionPattern.Part = .own

  @Option(help: "The head, from 0; all of them unless given.")
  var head: Int?

  @Option(help: "Which implementation computes: \(Implementation.names).")
  var implementation: Implementation = .reference

  @Option(help: ArgumentHelp("Draws the heads as heat maps.", valueName: "file.svg"))
  var picture: String?

  @OptionGroup var output: OverwriteOption

  @Flag(help: "Prints one JSON object.")
  var json = false

  func validate() throws {
    guard sequence.isGiven else { throw ValidationError("Give --prompt or --tokens.") }
  }

  func run() throws {
    let files = try OutputFiles(["--picture": picture], inputs: [model], overwrite: output.overwrite)
    let loaded = try LoadedModel(model)
    let (hearing, inputs) = try sequence.inputs(for: loaded)
    let pattern = try AttentionPattern(
      of: implementation.transformer(hearing.weights, forOnePass: true), inputs: inputs, layer: layer,
      part: part)
    // Ids need no tokenizer; text does, and was encoded with it.
    let tokenizer = try? loaded.tokenizer()
    let report = try AttentionReport(
      pattern, heads: head.map { [$0] } ?? Array(0..<pattern.headCount), text: TokenText(tokenizer))
    try files.write(report.svg(), to: picture)
    Console.write(json ? report.json() : report.terminal())
  }
}

extension AttentionPattern.Part: ExpressibleByArgument {}
