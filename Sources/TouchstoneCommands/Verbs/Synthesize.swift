import ArgumentParser
import Foundation
import TouchstoneCheckpoints
import TouchstoneModel

/// Writes a model of a named size with reproducible random weights.
struct Synthesize: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "synthesize",
    abstract: "Writes a model of a named size with reproducible random weights.",
    discussion: """
      The same name and seed give the same bytes on every machine. The folder holds config.json and \
      model.safetensors, as Hugging Face writes them.

      Presets:
      \(Preset.all.map { "  \($0.name): \($0.summary)" }.joined(separator: "\n"))

      Example:
        touchstone synthesize --preset gpt2-124m --out models/random-124m
      """)

  @Option(help: "The name of the size.")
  var preset: String

  @Option(help: ArgumentHelp("The folder to make.", valueName: "dir"))
  var out: String

  @Option(help: "Chooses another set of weights.")
  var seed: UInt64 = 0

  func run() throws {
    let preset = try Preset.named(preset)
    let progress = Progress()
    let countdown = Countdown("writing weights", progress)
    try Synthesizer.write(preset, seed: seed, to: URL(filePath: out, directoryHint: .isDirectory)) {
      countdown.show(share: $0)
    }
    progress.end()
    Console.line("\(out): \(preset.summary)")
  }
}
