import ArgumentParser
import Foundation
import TouchstoneModel
import TouchstoneReports

/// The verdict on a whole model from those on its layers.
struct Merge: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Joins the reports of shards into that of the whole model.",
    discussion: """
      Each shard is what `touchstone diff --layers A..<B --json` writes; together they must have every layer once, of \
      one run. The report is the one that a single run over all layers gives, and so is the exit code.

      Example:
        touchstone diff golden.h5 capture.h5 --layers "0..<24" --json > 1.json
        touchstone diff golden.h5 capture.h5 --layers "24..<48" --json > 2.json
        touchstone merge 1.json 2.json
      """)

  @Argument(help: ArgumentHelp("The reports of the shards, in any order.", valueName: "shard.json"))
  var shards: [String]

  @Option(help: ArgumentHelp("Writes the verdict for a CI system.", valueName: "file.xml"))
  var junit: String?

  @Option(help: ArgumentHelp("Writes the verdict for a summary.", valueName: "file.md"))
  var markdown: String?

  @OptionGroup var output: OverwriteOption

  @Flag(help: "Prints one JSON object.")
  var json = false

  func run() throws {
    let outputs = try OutputFiles(
      ["--junit": junit, "--markdown": markdown], inputs: shards, overwrite: output.overwrite)
    let report = try Report(
      merging: shards.map { (file: $0, text: Data(try InputFile.read($0))) })
    for (path, text) in [(junit, report.junit), (markdown, report.markdown)] {
      try outputs.write(text(), to: path)
    }
    Console.write(json ? report.json() : report.terminal(color: Console.usesColor))
    throw ExitCode(report.verdict.exitCode)
  }
}
