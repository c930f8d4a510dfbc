import ArgumentParser
import Foundation
import TouchstoneBenchmark
import TouchstoneCheckpoints
import TouchstoneGraph
import TouchstoneModel

/// How fast the fast implementation is on this machine.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures prefill and decode beside the machine's own limits.",
    discussion: """
      Measures what the processors can multiply and what the memory can deliver, loads the model, then times \
      prompts of 16 to 1024 tokens and single tokens at contexts 16 and 512; medians. Run it on an idle machine. \
      TOUCHSTONE_INSTRUCTION_SET (baseline, avx2, avx512) forces lower instructions than the processor has.

      --kernels times the kernels one by one instead: the matrix products and the attention of GPT-2, exp, \
      GELU, softmax and LayerNorm. Scripts/compare_kernels.py prints them beside those of other libraries.

      --judge times the judging of a capture of 64 tokens instead, beside the float64 forward pass of the reference.

      Presets are sizes such as gpt2-124m; `touchstone synthesize --help` lists all.

      Example:
        touchstone bench --preset gpt2-124m
        touchstone bench --preset gpt2-124m --curve growth.svg
        touchstone bench --judge --preset gpt2-124m
        touchstone bench --kernels --json
      """)

  @Option(help: ArgumentHelp("A Hugging Face folder of a model, or a GGUF file.", valueName: "dir"))
  var model: String?

  @Option(help: "The name of a size, with random weights.")
  var preset: String?

  @Option(help: "Threads; one for each processor unless given.")
  var threads: Int?

  @Flag(help: "Prints one JSON object.")
  var json = false

  @Option(
    help: ArgumentHelp(
      "Times more lengths and draws time against length into this SVG file.", valueName: "file"))
  var curve: String?

  @OptionGroup var output: OverwriteOption

  @Flag(help: "Times the kernels one by one; needs no model.")
  var kernels = false

  @Flag(help: "Times the judge on a capture of 64 tokens; needs a model.")
  var judge = false

  func validate() throws {
    guard [model != nil, preset != nil, kernels].count(where: { $0 }) == 1 else {
      throw ValidationError("Give one of --model, --preset and --kernels.")
    }
    if judge && (kernels || curve != nil || threads != nil) {
      throw ValidationError("--judge goes with --model or --preset, and with --json, alone.")
    }
    if kernels && curve != nil { throw ValidationError("--curve needs a model: give --model or --preset.") }
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads is \(threads); give a number from 1 to 1024.")
    }
  }

  func run() throws {
    let files = try OutputFiles(["--curve": curve], inputs: [model], overwrite: output.overwrite)
    let progress = Progress()
    defer { progress.end() }
    if kernels {
      let result = try KernelBenchmark(threadCount: threads, progress: { progress.show($0) })
      progress.end()
      Console.line(json ? try result.json() : result.table)
      return
    }
    let weights = try reader()
    if judge {
      let result = try JudgeBenchmark(weights(), progress: { progress.show($0) })
      progress.end()
      Console.line(json ? try result.json() : result.text)
      return
    }
    let result = try (curve == nil ? Benchmark() : .curve).run(
      threadCount: threads,
      weights: weights,
      progress: { progress.show($0) })
    progress.end()
    try files.write(result.plot, to: curve)
    Console.line(json ? try result.json() : result.table)
  }

  /// What reads the weights, once it is sure that there are some.
  private func reader() throws -> () throws -> Weights {
    guard let preset else {
      let checkpoint = try Checkpoint(at: URL(filePath: model ?? "", directoryHint: .isDirectory))
      return { checkpoint.weights }
    }
    let named = try Preset.named(preset)
    // As they are made, and packed.
    let needed = 8 * Double(named.architecture.graph.parameterCount)
    let memory = Double(ProcessInfo.processInfo.physicalMemory)
    guard needed <= memory else {
      throw BadInput(
        place: "--preset \(preset)",
        problem: String(
          format: "takes %.1f GB of memory, more than the %.1f here", needed / 1e9, memory / 1e9),
        remedy: "choose a smaller preset")
    }
    return { try Synthesizer.weights(named) }
  }
}
