import ArgumentParser
import Foundation
import TouchstoneBenchmark
import TouchstoneCheckpoints

/// How fast the fast implementation is on this machine.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures prefill and decode beside the machine's own limits.",
    discussion: """
      Loads the model, measures what the processors can multiply and what the memory can deliver, then times \
      prompts of 16 to 1024 tokens and single tokens at contexts 16 and 512; medians. Run it on an idle machine. \
      TOUCHSTONE_INSTRUCTION_SET (baseline, avx2, avx512) forces lower instructions than the processor has.

      Presets: \(Preset.all.map(\.name).joined(separator: ", "))

      Example:
        touchstone bench --preset gpt2-124m
      """)

  @Option(help: ArgumentHelp("A Hugging Face folder of the GPT-2 family.", valueName: "dir"))
  var model: String?

  @Option(help: "The name of a size, with random weights.")
  var preset: String?

  @Option(help: "Threads; one for each processor unless given.")
  var threads: Int?

  @Flag(help: "Prints one JSON object.")
  var json = false

  func validate() throws {
    guard (model == nil) != (preset == nil) else { throw ValidationError("Give either --model or --preset.") }
  }

  func run() throws {
    let progress = Progress()
    defer { progress.end() }
    let result = try Benchmark().run(
      threadCount: threads,
      weights: {
        if let preset {
          let named = try Preset.named(preset)
          return try Synthesizer.weights(configuration: named.configuration, rule: named.rule)
        }
        return try Checkpoint(directory: URL(filePath: model ?? "", directoryHint: .isDirectory)).weights
      },
      progress: { progress.show($0) })
    progress.end()
    Console.line(json ? try result.json() : result.table)
  }
}
