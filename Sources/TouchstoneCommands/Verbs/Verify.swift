import ArgumentParser
import Foundation
import TouchstoneConformance
import TouchstoneGolden
import TouchstoneModel
import TouchstoneReports
import TouchstoneVerdict

/// Runs an implementation on every golden and judges it.
struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Runs an implementation on every golden and judges it.",
    discussion: """
      A path is a golden or a folder: the goldens that its MANIFEST.json lists, else every golden below it. Their \
      digests are checked first. The weights stand in the golden, or are found by digest under `models` beside or \
      above it.

      Any program can be put through: it reads a golden and writes a capture. {model} becomes a Hugging Face \
      folder, {golden} the golden and {capture} the file to write; each is quoted for the shell already.

      Examples:
        touchstone verify golden
        touchstone verify golden --exec "python3 engine.py {model} {golden} {capture}"
      """)

  @Argument(help: ArgumentHelp("Goldens, or folders of them.", valueName: "path"))
  var paths: [String] = ["golden"]

  @Option(help: "Which implementation runs: \(Implementation.names).")
  var implementation: Implementation?

  @Option(help: ArgumentHelp("A Hugging Face folder with the weights.", valueName: "dir"))
  var model: String?

  @Option(help: ArgumentHelp("A program that reads {golden} and writes {capture}.", valueName: "command"))
  var exec: String?

  @OptionGroup var judging: JudgingOptions

  @Flag(help: "Prints a list of JSON objects.")
  var json = false

  func validate() throws {
    if exec != nil, implementation != nil {
      throw ValidationError("Give either --implementation or --exec, not both.")
    }
    if let exec, !exec.contains("{capture}") {
      throw ValidationError("--exec must name {capture}, the file that the program writes.")
    }
  }

  func run() throws {
    let engine: any Engine =
      if let exec { ExternalEngine(command: exec) } else { implementation ?? .simd }
    let finder = try WeightsFinder(model: model)
    let goldens = try paths.flatMap { try GoldenSearch.goldens(at: $0) }
    guard !goldens.isEmpty else {
      Console.error(
        "touchstone: there is no golden at \(paths.joined(separator: ", ")), so nothing was compared")
      throw ExitCode(3)
    }
    let progress = Progress()
    let entries = goldens.enumerated().map { number, golden in
      progress.show("verifying \(golden), \(number + 1) of \(goldens.count)")
      return verify(golden, engine, finder)
    }
    progress.end()
    let summary = VerificationSummary(entries)
    Console.write(json ? summary.json() : summary.terminal(color: Console.outputIsTerminal))
    throw ExitCode(entries.exitCode)
  }

  private func verify(_ path: String, _ engine: any Engine, _ finder: WeightsFinder)
    -> VerificationSummary.Entry
  {
    do {
      let golden = try ActivationFile(path: path)
      guard golden.kind == .golden else {
        throw BadInput(
          file: path, problem: "is a capture, not a golden",
          remedy: "judge it by `touchstone diff GOLDEN.h5 CAPTURE.h5`")
      }
      let weights = try finder.weights(for: golden)
      let verdict = try engine.withActivations(for: golden, weights: weights) { capture in
        try judging.verdict(on: capture, golden: golden, weights: weights)
      }
      return .judged(
        Report(verdict: verdict, golden: path, capture: "what it computed", implementation: engine.name))
    } catch {
      let reason = error as? BadInput ?? BadInput(problem: String(describing: error))
      return .refused(golden: path, implementation: engine.name, error: reason)
    }
  }
}
