import ArgumentParser
import Foundation
import TouchstoneConformance
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReports
import TouchstoneVerdict

/// The verdict on one capture, operation by operation.
struct Diff: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Judges a capture against a golden, operation by operation.",
    discussion: """
      Each operation is recomputed in float64 from the capture's own inputs, so that an earlier error neither \
      hides nor spreads. That needs the weights: in the golden, by --model, or found by their digest in a folder \
      `models` beside or above the golden. Without them the noise floor in the golden is used, which sees less.

      Of some layers alone, by --layers, only their tensors and weights are read; `touchstone merge` joins the \
      reports of --json.

      The first lines are the answer, where the difference begins, and its cause. The table says of each operation how \
      much of its bound the worst error takes: up to 100 % is rounding (a right sum of two numbers may take all of it), \
      2x is twice the bound. Inherited is the error against the golden, with all that went before.

      Exit codes: 0 consistent, 1 mismatch, 2 bad input, 3 inconclusive.

      Examples:
        touchstone diff to-be.h5 simd.h5 --model golden/models/shakespeare-gpt2
        touchstone diff to-be.h5 simd.h5 --report page.html
        touchstone diff to-be.h5 simd.h5 --layers "0..<12" --json > 1.json
      """)

  @Argument(help: ArgumentHelp("What the reference recorded.", valueName: "golden.h5"))
  var golden: String

  @Argument(help: ArgumentHelp("What the implementation computed.", valueName: "capture.h5"))
  var capture: String

  @Option(help: ArgumentHelp("A Hugging Face folder with the weights, or a GGUF file.", valueName: "dir"))
  var model: String?

  @Option(help: ArgumentHelp("Writes the verdict as one HTML page.", valueName: "file.html"))
  var report: String?

  @Option(help: ArgumentHelp("Writes the verdict as JUnit XML, for CI.", valueName: "file.xml"))
  var junit: String?

  @Option(
    help: ArgumentHelp("Writes the verdict as Markdown, for the summary of a CI run.", valueName: "file.md"))
  var markdown: String?

  @OptionGroup var shard: LayersOption

  @OptionGroup var judging: JudgingOptions

  @OptionGroup var output: OverwriteOption

  @OptionGroup var reading: TrustOption

  @Flag(help: "Prints one JSON object.")
  var json = false

  func run() throws {
    let outputs = try OutputFiles(
      ["--report": report, "--junit": junit, "--markdown": markdown], inputs: [golden, capture, model],
      overwrite: output.overwrite)
    try reading.apply()
    let (golden, capture) = try ActivationFile.opened(golden: golden, capture: capture)
    guard golden.kind == .golden || capture.kind == .capture else {
      throw BadInput(
        file: capture.path, problem: "is a golden, and stands behind a capture",
        remedy: "name the golden first")
    }
    guard try !golden.isSameFile(as: capture) else {
      throw BadInput(
        file: capture.path, problem: "is the same file as \(golden.path), and nothing differs from itself",
        remedy: "name what the reference recorded, then what an implementation computed")
    }
    let finder = try WeightsFinder(model: model)
    let weights = try finder.find(for: golden)
    guard golden.kind == .golden else {
      guard let weights else {
        throw BadInput(
          file: golden.path, problem: "is a capture, and two captures are judged by the weights alone",
          remedy: "name the model by --model, or give a golden first")
      }
      for file in [golden, capture] where file.isSketch {
        throw BadInput(
          file: file.path, problem: "holds sketches, which are compared with a golden's alone",
          remedy: "name the golden first")
      }
      return try compare(golden, capture, weights: weights, outputs)
    }
    let verdict = try judging.verdict(
      on: capture, golden: golden, weights: weights, layers: shard.layers, surveysErrors: self.report != nil)
    let implementation = capture.provenance["implementation"]
    let context = try self.report.map { report in
      try PageMaterial(golden: golden, capture: capture, implementation: implementation, finder: finder)
        .context(for: verdict, command: command(report))
    }
    let report = Report(
      verdict: verdict, golden: golden.path, capture: capture.path, implementation: implementation,
      run: capture.run(weightsDigest: golden.weightsDigest), context: context ?? PageContext())
    for (path, text) in [(self.report, report.html), (junit, report.junit), (markdown, report.markdown)] {
      try outputs.write(text(), to: path)
    }
    Console.write(json ? report.json() : report.terminal(color: Console.usesColor))
    throw ExitCode(verdict.exitCode)
  }

  /// What writes the page again.
  private func command(_ report: String) -> String {
    ShellLine.text(
      ["touchstone", "diff", golden, capture] + ShellLine.option("--model", model) + judging.words
        + reading.words + ["--report", report, "--overwrite"])
  }

  /// Two captures: each is judged by the definition, neither by the other.
  private func compare(
    _ left: ActivationFile, _ right: ActivationFile, weights: Weights, _ outputs: OutputFiles
  ) throws {
    do throws(BadInput) {
      try right.checkSameSequence(as: left, called: left.path)
    } catch {
      throw error.inFile(right.path)
    }
    let entries = try [left, right].map { capture in
      VerificationSummary.Entry.judged(
        Report(
          verdict: try judging.verdict(on: capture, golden: nil, weights: weights, layers: shard.layers),
          golden: "the definition",
          capture: capture.path, implementation: capture.provenance["implementation"]))
    }
    let summary = VerificationSummary(entries)
    if let path = report {
      throw BadInput(
        file: path, problem: "a page shows one capture, and here are two",
        remedy: "compare each with a golden, or use --markdown")
    }
    for (path, text) in [(junit, summary.junit()), (markdown, summary.markdown())] {
      try outputs.write(text, to: path)
    }
    if !json {
      Console.line("Both files are captures: each is judged by the definition, neither by the other.")
    }
    Console.write(json ? summary.json() : summary.terminal(color: Console.usesColor))
    throw ExitCode(entries.exitCode)
  }
}

extension ActivationFile {
  /// Opens both files, at once unless the golden alone knows the model's family.
  static func opened(golden: String, capture: String) throws -> (
    golden: ActivationFile, capture: ActivationFile
  ) {
    let paths = [golden, capture]
    let files = paths.indices.concurrentMap { file in
      Result { () throws(BadInput) in try ActivationFile(path: paths[file]) }
    }
    let golden = try files[0].get()
    guard golden.model.hasOwnGraph else { return (golden, try files[1].get()) }
    return (golden, try ActivationFile(path: capture, against: golden))
  }

  /// What tells one run from another, whichever of its layers a file holds: the model, its weights, the sequence.
  func run(weightsDigest: String?) -> String {
    let arrays = inputs.givenArrays.map(inputs.array)
    let numbers = [inputs.tokenIDs, inputs.positionIDs, inputs.attentionMask?.map { $0 ? 1 : 0 } ?? []]
    let training = model.loss.map { "\($0) \(inputs.targets ?? [])" } ?? ""
    let text =
      "\(weightsDigest ?? "")\n\(model.configJSON)\n\(numbers)\(arrays.isEmpty ? "" : "\(arrays)")\n\(precision.name)\(training)"
    return Digest.of(Data(text.utf8))
  }
}
