import ArgumentParser
import Foundation
import TouchstoneAnalysis
import TouchstoneCheckpoints
import TouchstoneFamilies
import TouchstoneModel

/// The parameter census of a model.
struct Anatomy: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "anatomy",
    abstract: "Counts a model's parameters, family by family.",
    discussion: """
      Query, key and value matrices are counted by head, the output matrix by layer, and the unembedding for itself \
      even where it is the embedding. Shapes are [in x out], embeddings [vocabulary x width]. Biases, LayerNorms \
      and positions follow, then the totals with the unembedding of its own and tied to the embedding. Only \
      config.json is read.

      Presets are sizes such as gpt2-124m; `touchstone synthesize --help` lists all.

      Examples:
        touchstone anatomy --preset gpt3
        touchstone anatomy --model golden/models/shakespeare-gpt2
      """)

  @Option(help: ArgumentHelp("A Hugging Face folder of a model, or a GGUF file.", valueName: "dir"))
  var model: String?

  @Option(help: "The name of a size.")
  var preset: String?

  @Flag(help: "Prints one JSON object.")
  var json = false

  func validate() throws {
    guard (model == nil) != (preset == nil) else { throw ValidationError("Give either --model or --preset.") }
  }

  func run() throws {
    let report: CensusReport
    if let preset {
      let named = try Preset.named(preset)
      report = CensusReport(
        name: "\(named.name): \(named.summary)", architecture: named.architecture)
    } else {
      let folder = URL(filePath: model ?? "", directoryHint: .isDirectory)
      report = CensusReport(name: model ?? "", architecture: try Architecture(at: folder))
    }
    Console.write(json ? report.json() : report.terminal())
  }
}
