import ArgumentParser
import Foundation
import TouchstoneCheckpoints
import TouchstoneFiles
import TouchstoneGGUF
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTokenizer

/// Writes a model that stands in one file as a Hugging Face folder.
struct Extract: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "extract",
    abstract: "Writes the model in a GGUF file or in a golden as a Hugging Face folder.",
    discussion: """
      The folder holds config.json, model.safetensors and, of a GGUF file whose tokenizer is one of those that are \
      read, tokenizer.json and tokenizer_config.json. The weights are bit for bit those that the file stands for: \
      quantised ones as the float32 numbers of their definition. The folder appears whole or not at all.

      Examples:
        touchstone extract model-Q4_K_M.gguf --out model
        touchstone extract golden/cases/tiny-llama3.h5 --out tiny-llama
      """)

  @Argument(help: ArgumentHelp("A GGUF file, or a golden that holds its weights.", valueName: "file"))
  var file: String

  @Option(help: ArgumentHelp("The folder to make.", valueName: "dir"))
  var out: String

  @OptionGroup var reading: TrustOption

  func run() throws {
    try reading.apply()
    let isGGUF = GGUFFile.isGGUF(file)
    let (configJSON, weights) = isGGUF ? try modelOfGGUF() : try modelOfGolden()
    let tokenizer = isGGUF ? try self.tokenizer() : nil
    let progress = Progress()
    let countdown = Countdown("writing weights", progress)
    try AtomicFolder.write(to: out) { folder throws(BadInput) in
      func write(_ text: Data, _ name: String) throws(BadInput) {
        try AtomicFile.write(text, to: folder.appending(path: name).path, overwrite: false)
      }
      try SafetensorsWriter.write(weights.stored, to: folder.appending(path: "model.safetensors")) {
        countdown.show(share: $0)
      }
      if let tokenizer {
        try write(tokenizer.document, "tokenizer.json")
        try write(tokenizer.settings, "tokenizer_config.json")
      }
      try write(Data((configJSON + "\n").utf8), "config.json")
    }
    progress.end()
    Console.line("\(out): \(weights.graph.parameterCount) parameters in \(weights.stored.count) tensors")
  }

  private func modelOfGGUF() throws(BadInput) -> (String, Weights) {
    let checkpoint = try Checkpoint(at: URL(filePath: file))
    return (checkpoint.architecture.configJSON, checkpoint.weights)
  }

  private func modelOfGolden() throws -> (String, Weights) {
    let golden = try ActivationFile(path: file)
    guard !golden.model.hasOwnGraph else {
      throw BadInput(
        file: file, problem: "is of the family \(golden.model.family), of which no folder can be written",
        remedy: "use the golden itself, which holds the model's graph")
    }
    guard let weights = try golden.weights() else {
      throw BadInput(
        file: file, problem: "holds no weights", remedy: "give a golden recorded with --embed-weights")
    }
    return (golden.model.configJSON, weights)
  }

  /// The tokenizer of the GGUF file; nil where it has none, or one that is not read, which is said.
  private func tokenizer() throws(BadInput) -> GGUFTokenizer? {
    let contents = try GGUFFile(URL(filePath: file))
    guard GGUFTokenizer.isIn(contents) else { return nil }
    do throws(BadInput) {
      return try GGUFTokenizer(contents)
    } catch {
      Console.error("touchstone: without its tokenizer: \(error)")
      return nil
    }
  }
}
