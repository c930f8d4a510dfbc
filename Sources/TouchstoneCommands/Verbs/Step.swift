import ArgumentParser
import TouchstoneGolden
import TouchstoneModel
import TouchstoneOptimiser
import TouchstoneReports

/// The verdict on recorded steps of an optimiser.
struct Step: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "step",
    abstract: "Judges an optimiser's step from its own inputs: accumulation, clipping, AdamW, SGD.",
    discussion: """
      Everything that the step made is computed in float64 from what it read, both in the same file: micro-batches' \
      gradients are added, unscaled, clipped by the norm of all, and the parameters stepped. So no golden and no model is \
      needed. What is done otherwise is named with both numbers (β, ε and its place, bias correction, decay, clipping, \
      the order of them).

      Docs/Format.md says how a step is stored; touchstone_capture.step(…) stores that of a PyTorch optimiser. With --out \
      the reference takes the same steps from the file's first parameters and its gradients, in float64.

      Exit codes: 0 consistent, 1 mismatch, 2 bad input, 3 inconclusive.

      Examples:
        touchstone step step.h5
        touchstone step run.h5 --out golden.h5
        touchstone step run.h5 --golden golden.h5 --json
      """)

  @Argument(
    help: ArgumentHelp("What the optimiser read and made, of one step or of several.", valueName: "step.h5"))
  var file: String

  @Option(
    help: ArgumentHelp(
      "Says of everything how far it is from what the reference made of the same steps.",
      valueName: "golden.h5"))
  var golden: String?

  @Option(
    help: ArgumentHelp(
      "Writes the steps as the reference takes them, in place of judging.", valueName: "golden.h5"))
  var out: String?

  @Option(help: ArgumentHelp("Writes the verdict as JUnit XML, for CI.", valueName: "file.xml"))
  var junit: String?

  @Option(
    help: ArgumentHelp("Writes the verdict as Markdown, for the summary of a CI run.", valueName: "file.md"))
  var markdown: String?

  @Flag(help: "Accepts a file that leaves out some of what the step made, or of what that follows from.")
  var partial = false

  @OptionGroup var output: OverwriteOption

  @OptionGroup var reading: TrustOption

  @Flag(help: "Prints one JSON object.")
  var json = false

  func validate() throws {
    if out != nil, golden != nil || junit != nil || markdown != nil || partial || json {
      throw ValidationError("--out writes what the reference makes and judges nothing: give it alone.")
    }
  }

  func run() throws {
    let outputs = try OutputFiles(
      ["--junit": junit, "--markdown": markdown], inputs: [file, golden], overwrite: output.overwrite)
    try reading.apply()
    let steps = try StepFile(path: file)
    if let out { return try record(steps, to: out) }
    guard steps.kind == .capture else {
      throw BadInput(
        file: file, problem: "is a golden, which the reference made, and nothing differs from itself",
        remedy: "name what an optimiser made, and the golden by --golden")
    }
    let golden = try golden.map { path in try self.golden(path, for: steps) }
    let progress = Progress()
    defer { progress.end() }
    let judging = Countdown("judging parameters", progress)
    let verdict: StepVerdict
    do throws(BadInput) {
      verdict = try StepJudge(acceptsPartial: partial) { judging.show($0, of: $1) }
        .verdict(on: steps, golden: golden)
    } catch {
      throw error.inFile(file)
    }
    let report = StepReport(
      verdict: verdict, capture: file, golden: self.golden,
      implementation: steps.provenance["implementation"])
    try outputs.write(report.junit(), to: junit)
    try outputs.write(report.markdown(), to: markdown)
    Console.write(json ? report.json() : report.terminal(color: Console.usesColor))
    throw ExitCode(verdict.outcome.exitCode)
  }

  private func golden(_ path: String, for steps: StepFile) throws -> StepFile {
    let golden = try StepFile(path: path)
    guard golden.kind == .golden else {
      throw BadInput(
        file: path, problem: "is a capture, and the reference made none of it",
        remedy: "record a golden by `touchstone step \(file) --out golden.h5`")
    }
    guard golden.steps.contains(where: { step in steps.steps.contains { $0.place == step.place } }) else {
      throw BadInput(
        file: path, problem: "holds none of the steps of \(file)", remedy: "record a golden of these steps")
    }
    return golden
  }

  /// Takes the steps by the reference.
  private func record(_ steps: StepFile, to path: String) throws {
    try OutputFiles.checkApart(path, from: [file])
    let writer = try StepFileWriter(
      path: path,
      provenance: [
        "producer": "touchstone", "producer_version": Record.recipe, "implementation": "reference",
        "precision": "float64",
      ], overwrite: output.overwrite)
    do throws(BadInput) {
      try StepReference(steps).run(begin: writer.write, record: writer.write)
    } catch {
      throw error.inFile(file)
    }
    try writer.finish()
    Console.line("\(path): \(steps.steps.count) step\(steps.steps.count == 1 ? "" : "s")")
  }
}
