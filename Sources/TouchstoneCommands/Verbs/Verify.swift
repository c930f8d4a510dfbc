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
    commandName: "verify",
    abstract: "Runs an implementation on every golden and judges it.",
    discussion: """
      A path is a golden or a folder: the goldens that its MANIFEST.json lists, else every golden below it. Without a \
      path it is the folder golden, or else the goldens that were installed with the program. Their digests are checked \
      first. The weights stand in the golden, or are found by digest under `models` beside or \
      above it. A file that is refused does not end the run; what a MANIFEST.json leaves out is said.

      The exit code is the first of 1 (mismatch), 2 (refused), 3 (inconclusive) and 0 that occurred.

      Any program can be put through: it reads a golden and writes a capture. {model} becomes a Hugging Face \
      folder, {golden} the golden and {capture} the file to write; each is quoted for the shell already. Its standard \
      input is empty. Exit code 0 says that it wrote the capture, 77 that it does not support this model or these \
      inputs: that golden is listed as unsupported and is no failure. Any other end, and one that takes longer than \
      --timeout, is bad input. What the program leaves running is ended with it.

      --exec-all runs a program once for all goldens, where starting it is dear: {list} becomes a file with a line for \
      each golden: the model's folder, the golden and the capture to write, with tabs between them. What it does not \
      support it says in a file of the capture's name and .unsupported, with the reason.

      Where GITHUB_ACTIONS is set, findings are annotated and the job's summary gets the Markdown.

      Examples:
        touchstone verify golden
        touchstone verify golden \\
          --exec "python3 engine.py {model} {golden} {capture}"
        touchstone verify golden --exec-all "python3 engine.py --list {list}" \\
          --junit out.xml --report pages
        touchstone verify golden --exec "./engine {model} {golden} {capture}" \\
          --baseline known.json
      """)

  @Argument(help: ArgumentHelp("Goldens, or folders of them.", valueName: "path"))
  var paths: [String] = []

  @Option(
    help: "Which of our own runs where no program is given: \(Implementation.names), simd unless given.")
  var implementation: Implementation?

  @Option(help: ArgumentHelp("A Hugging Face folder with the weights, or a GGUF file.", valueName: "dir"))
  var model: String?

  @Option(help: ArgumentHelp("A program that reads {golden} and writes {capture}.", valueName: "command"))
  var exec: String?

  @Option(
    help: ArgumentHelp(
      "A program that runs once: it reads {list} and writes every capture.", valueName: "command"))
  var execAll: String?

  @Option(
    help: ArgumentHelp(
      "Ends the program of --exec, and all that it started, when it takes longer for one golden; that of --exec-all "
        + "when it takes longer for all than as much for each.", valueName: "seconds"))
  var timeout = 600.0

  @Option(help: ArgumentHelp("How many goldens are put through at a time.", valueName: "count"))
  var jobs = 1

  @OptionGroup var judging: JudgingOptions

  @OptionGroup var outputs: VerifyOutputs

  @OptionGroup var baseline: BaselineOptions

  @OptionGroup var reading: TrustOption

  @Flag(help: "Prints a list of JSON objects; what is refused or left out is said on standard error too.")
  var json = false

  func validate() throws {
    let engines: [(String, Bool)] = [
      ("--implementation", implementation != nil), ("--exec", exec != nil), ("--exec-all", execAll != nil),
    ]
    let given = engines.filter(\.1).map(\.0)
    if given.count > 1 {
      throw ValidationError("Give either \(given.joined(separator: " or ")), not both.")
    }
    guard timeout > 0, timeout <= 1e9 else {
      throw ValidationError("--timeout must be a number of seconds above 0.")
    }
    guard (1...1024).contains(jobs) else { throw ValidationError("--jobs must be from 1 to 1024.") }
    if let exec, !exec.contains("{capture}") {
      throw ValidationError("--exec must name {capture}, the file that the program writes.")
    }
    if let execAll, !execAll.contains("{list}") {
      throw ValidationError("--exec-all must name {list}, the file that says what to write.")
    }
  }

  func run() throws {
    try reading.apply()
    let paths = paths.isEmpty ? [GoldenSearch.standard] : paths
    let finder = try WeightsFinder(model: model)
    let targets = try targets(at: paths)
    let goldens = targets.compactMap { try? $0.get() }
    let prepared = try outputs.prepared(goldens, model: model)
    let before = try baseline.open()
    let batch = try execAll.map {
      try BatchEngine(
        command: $0, timeout: timeout, goldens: goldens, finder: finder, keeping: prepared.captures)
    }
    defer { batch?.end() }
    let engine: any Engine =
      batch ?? exec.map { ExternalEngine(command: $0, timeout: timeout) } ?? implementation ?? .simd
    let progress = Progress()
    let countdown = Countdown("verifying", progress)
    let entries = Jobs.map(targets.count, width: jobs) { number in
      switch targets[number] {
      case .success(let golden):
        countdown.show(number, of: targets.count, at: golden)
        return verify(golden, engine, finder, keeping: prepared.captures[golden])
      case .failure(let error):
        return .refused(golden: error.file ?? "", implementation: engine.name, error: error)
      }
    }
    progress.end()
    let summary = VerificationSummary(entries, notes: leftOut(of: paths))
    try prepared.write(summary)
    let comparison = try before?.compare(summary)
    Console.write(json ? summary.json() : summary.terminal(color: Console.usesColor))
    for line in comparison?.lines ?? [] { json ? Console.error("touchstone: " + line) : Console.line(line) }
    // In the text of a terminal they stand already.
    if json {
      for sentence in summary.refusals.map(\.description) + summary.notes {
        Console.error("touchstone: " + sentence)
      }
    }
    GitHubActions()?.show(summary)
    throw ExitCode(comparison?.exitCode(of: entries) ?? entries.exitCode)
  }

  /// The goldens at all paths, and what is wrong with a path that has none.
  private func targets(at paths: [String]) throws -> [Result<String, BadInput>] {
    let targets = paths.flatMap { path -> [Result<String, BadInput>] in
      do throws(BadInput) {
        return try GoldenSearch.goldens(at: path).map { .success($0) }
      } catch {
        return [.failure(error)]
      }
    }
    let errors = targets.compactMap { if case .failure(let error) = $0 { error } else { nil } }
    if let error = errors.first, errors.count == targets.count { throw error }
    guard !targets.isEmpty else {
      Console.error(
        "touchstone: there is no golden at \(paths.joined(separator: ", ")), so nothing was compared")
      throw ExitCode(3)
    }
    return targets
  }

  /// What the manifests of the folders leave out, a sentence a folder.
  private func leftOut(of paths: [String]) -> [String] {
    paths.compactMap { path in
      guard let files = try? GoldenSearch.leftOut(at: path), !files.isEmpty else { return nil }
      let shown =
        files.prefix(3).joined(separator: ", ") + (files.count > 3 ? " and \(files.count - 3) more" : "")
      return "\(path)/\(GoldenManifest.fileName) does not list \(shown), so that nothing was verified there; "
        + "`touchstone manifest \(path)` lists every golden."
    }
  }

  /// What puts one golden through again.
  private func command(_ golden: String) -> String {
    ShellLine.text(
      ["touchstone", "verify", golden] + ShellLine.option("--model", model)
        + ShellLine.option("--implementation", implementation?.rawValue) + ShellLine.option("--exec", exec)
        + ShellLine.option("--exec-all", execAll) + judging.words + reading.words)
  }

  private func verify(
    _ path: String, _ engine: any Engine, _ finder: WeightsFinder, keeping kept: CaptureDestination?
  ) -> VerificationSummary.Entry {
    let start = ContinuousClock.now
    do {
      let golden = try ActivationFile(path: path)
      guard golden.kind == .golden else {
        throw BadInput(
          file: path, problem: "is a capture, not a golden",
          remedy: "judge it by `touchstone diff GOLDEN.h5 CAPTURE.h5`")
      }
      let weights = try finder.weights(for: golden)
      let isOnPage = outputs.report != nil
      let (verdict, context) = try engine.withActivations(for: golden, weights: weights, keeping: kept) {
        capture in
        let verdict = try judging.verdict(
          on: capture, golden: golden, weights: weights, surveysErrors: isOnPage, about: path)
        let material =
          isOnPage
          ? PageMaterial(golden: golden, capture: capture, implementation: engine.name, finder: finder) : nil
        return (verdict, try material?.context(for: verdict, command: command(path)))
      }
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      return .judged(
        Report(
          verdict: verdict, golden: path, capture: kept?.path ?? "what it computed",
          implementation: engine.name, context: context ?? PageContext(), seconds: seconds))
    } catch let error as NotSupported {
      return .unsupported(golden: path, implementation: engine.name, reason: error.reason)
    } catch {
      let reason = error as? BadInput ?? BadInput(problem: String(describing: error))
      return .refused(golden: path, implementation: engine.name, error: reason)
    }
  }
}
