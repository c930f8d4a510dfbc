import ArgumentParser
import Foundation
import TouchstoneConformance
import TouchstoneGolden
import TouchstoneModel
import TouchstoneReports
import TouchstoneVerdict

/// The verdict on a whole model from those on its layers.
struct Merge: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Joins the reports of shards into that of the whole model.",
    discussion: """
      Each shard is what `touchstone diff --layers A..<B --json` writes; together they must have every layer once, of \
      one run. The report is the one that a single run over all layers gives, and so is the exit code.

      Where layers are wrong, the causes are those that each shard found by itself. With --golden and --capture, files of \
      all layers, they are looked for in all layers at once, as one run does; what the shards found right is not judged \
      again.

      Examples:
        touchstone diff golden.h5 capture.h5 --layers "0..<24" --json > 1.json
        touchstone diff golden.h5 capture.h5 --layers "24..<48" --json > 2.json
        touchstone merge 1.json 2.json
        touchstone merge 1.json 2.json --golden golden.h5 --capture capture.h5
      """)

  @Argument(help: ArgumentHelp("The reports of the shards, in any order.", valueName: "shard.json"))
  var shards: [String]

  @Option(
    help: ArgumentHelp(
      "What the reference recorded of all layers, to look for causes in; with --capture.",
      valueName: "golden.h5"))
  var golden: String?

  @Option(
    help: ArgumentHelp(
      "What the implementation computed in all layers; with --golden.", valueName: "capture.h5"))
  var capture: String?

  @Option(help: ArgumentHelp("A Hugging Face folder with the weights, or a GGUF file.", valueName: "dir"))
  var model: String?

  @Option(help: ArgumentHelp("Writes the verdict for a CI system.", valueName: "file.xml"))
  var junit: String?

  @Option(help: ArgumentHelp("Writes the verdict for a summary.", valueName: "file.md"))
  var markdown: String?

  @OptionGroup var output: OverwriteOption

  @OptionGroup var reading: TrustOption

  @Flag(help: "Prints one JSON object.")
  var json = false

  func validate() throws {
    guard (golden == nil) == (capture == nil) else {
      throw ValidationError("--golden and --capture are given together: causes are looked for in both.")
    }
    guard golden == nil, model != nil || !reading.trust.isEmpty else { return }
    throw ValidationError("--model and --trust are for --golden and --capture, which are not given.")
  }

  func run() throws {
    let outputs = try OutputFiles(
      ["--junit": junit, "--markdown": markdown], inputs: shards + [golden, capture, model],
      overwrite: output.overwrite)
    try reading.apply()
    var report = try Report(merging: shards.map { (file: $0, text: Data(try InputFile.read($0))) })
    if let golden, let capture { report = try searched(report, golden, capture) }
    for (path, text) in [(junit, report.junit), (markdown, report.markdown)] {
      try outputs.write(text(), to: path)
    }
    Console.write(json ? report.json() : report.terminal(color: Console.usesColor))
    throw ExitCode(report.verdict.exitCode)
  }

  /// The report of one run: what is wrong in the layers together is looked for in their files.
  private func searched(_ joined: Report, _ golden: String, _ capture: String) throws -> Report {
    let files = try ActivationFile.opened(golden: golden, capture: capture)
    let weights = try WeightsFinder(model: model).find(for: files.golden)
    let run = files.capture.run(weightsDigest: files.golden.weightsDigest)
    guard run == joined.run else {
      throw BadInput(
        file: capture,
        problem:
          "is of another run than the shards: another model, other weights, another sequence or another precision",
        remedy: "name the files whose layers the shards judged")
    }
    var judging = JudgingOptions()
    judging.partial = joined.verdict.acceptsPartial
    judging.strict = joined.verdict.contract == .strict
    let verdict = try judging.verdict(
      on: files.capture, golden: files.golden, weights: weights, known: joined.verdict)
    return Report(
      verdict: verdict, golden: files.golden.path, capture: files.capture.path,
      implementation: files.capture.provenance["implementation"], run: run)
  }
}
