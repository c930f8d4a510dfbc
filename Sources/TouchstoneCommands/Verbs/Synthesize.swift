import ArgumentParser
import Foundation
import TouchstoneCheckpoints
import TouchstoneGolden
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

      A model that hears, looks, or is given vectors needs more than ids; --inputs writes a sound, a picture or vectors \
      that follow from the name and the seed, for `record --inputs`.

      Examples:
        touchstone synthesize --preset gpt2-124m --out models/random-124m
        touchstone synthesize --preset tiny-whisper --out models/tiny-whisper --inputs sound.h5
      """)

  @Option(help: "The name of the size.")
  var preset: String

  @Option(help: ArgumentHelp("The folder to make.", valueName: "dir"))
  var out: String

  @Option(help: "Chooses another set of weights.")
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "Writes what the model is given, too, where that is more than ids: a sound, a picture or vectors.",
      valueName: "file.h5"))
  var inputs: String?

  func run() throws {
    let preset = try Preset.named(preset)
    // Begun first, so that no model is written where this file cannot be.
    let writer = try inputs.map { try inputWriter(of: preset, to: $0) }
    let progress = Progress()
    let countdown = Countdown("writing weights", progress)
    try Synthesizer.write(preset, seed: seed, to: URL(filePath: out, directoryHint: .isDirectory)) {
      countdown.show(share: $0)
    }
    try writer?.finish()
    progress.end()
    Console.line("\(out): \(preset.summary)")
  }

  /// A file that holds what a model is given, and nothing that it makes of it.
  private func inputWriter(of preset: Preset, to path: String) throws(BadInput) -> ActivationFileWriter {
    guard let given = try Synthesizer.inputs(of: preset, seed: seed) else {
      throw BadInput(
        place: "--inputs", problem: "is asked of \(preset.name), which reads ids alone",
        remedy: "leave it out, and give ids to `touchstone record` by --tokens")
    }
    return try ActivationFileWriter(
      path: path, kind: .capture, model: RecordedModel(preset.architecture).listening(by: preset.frontEnd),
      inputs: given, provenance: ["producer": "touchstone", "producer_version": TouchstoneCommand.version])
  }
}
