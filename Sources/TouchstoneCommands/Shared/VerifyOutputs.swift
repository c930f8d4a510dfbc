import ArgumentParser
import TouchstoneModel
import TouchstoneReports

/// What `verify` writes beside what it prints.
struct VerifyOutputs: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Writes HTML pages into this folder: index.html with a row a golden, the worst first, and a page for each.",
      valueName: "dir")
  )
  var report: String?

  @Option(help: ArgumentHelp("Writes the run as JUnit XML, for CI: a suite a golden.", valueName: "file.xml"))
  var junit: String?

  @Option(
    help: ArgumentHelp("Writes the run as Markdown, for the summary of a CI run.", valueName: "file.md"))
  var markdown: String?

  @Option(
    help: ArgumentHelp("Writes the findings as SARIF 2.1.0, for code scanning.", valueName: "file.sarif"))
  var sarif: String?

  @Option(
    help: ArgumentHelp("Keeps every capture in this folder, under its golden's name.", valueName: "dir"))
  var keep: String?

  @OptionGroup var output: OverwriteOption

  /// The outputs, checked before any work is done.
  struct Prepared: Sendable {
    /// Where the capture of each golden stays, by the golden's path.
    let captures: [String: CaptureDestination]
    private let outputs: VerifyOutputs

    fileprivate init(_ outputs: VerifyOutputs, _ captures: [String: CaptureDestination]) {
      (self.outputs, self.captures) = (outputs, captures)
    }
  }

  /// Checks what is asked for.
  ///
  /// - Throws: ``BadInput`` for what is sure to keep one of the outputs from being written.
  func prepared(_ goldens: [String], model: String?) throws(BadInput) -> Prepared {
    _ = try files(inputs: goldens + [model])
    if let report {
      let names = FileNames.unique(goldens, reserved: ["index"]).map { $0 + ".html" }
      _ = try OutputFolder(report, files: ["index.html"] + names, overwrite: output.overwrite)
    }
    guard let keep else { return Prepared(self, [:]) }
    let names = FileNames.unique(goldens).map { $0 + ".h5" }
    let folder = try OutputFolder(keep, files: names, overwrite: output.overwrite)
    for name in names { try OutputFiles.checkApart(folder.file(name), from: goldens) }
    let captures = zip(goldens, names).map { golden, name in
      (golden, CaptureDestination(path: folder.file(name), overwrite: output.overwrite))
    }
    return Prepared(self, Dictionary(captures) { first, _ in first })
  }

  fileprivate func files(inputs: [String?]) throws(BadInput) -> OutputFiles {
    try OutputFiles(
      ["--junit": junit, "--markdown": markdown, "--sarif": sarif], inputs: inputs,
      overwrite: output.overwrite)
  }
}

extension VerifyOutputs.Prepared {
  /// Writes everything that was asked for.
  func write(_ run: VerificationSummary) throws {
    let files = try outputs.files(inputs: [])
    try files.write(run.junit(namesGoldens: true), to: outputs.junit)
    try files.write(run.markdown(), to: outputs.markdown)
    try files.write(run.sarif(version: TouchstoneCommand.version), to: outputs.sarif)
    guard let report = outputs.report else { return }
    let pages = run.pages()
    let folder = try OutputFolder(report, files: pages.map(\.name), overwrite: outputs.output.overwrite)
    for page in pages { try folder.write(page.html, to: page.name) }
  }
}
