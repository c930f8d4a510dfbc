import ArgumentParser
import Foundation
import TouchstoneFiles
import TouchstoneModel
import TouchstoneReports

/// When a baseline is written.
enum RecordMode: String, CaseIterable, ExpressibleByArgument {
  /// Never: what is not there is refused.
  case never
  /// Where there is none.
  case missing
  /// Where there is none, or where the run differs from it.
  case failed
  /// Always.
  case all
}

/// A run held against an earlier one.
struct BaselineOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Holds the run against an earlier one: the exit code counts only what is worse than in this file. What `--json` "
        + "printed serves too.", valueName: "file.json"))
  var baseline: String?

  @Option(
    help: ArgumentHelp(
      "When the baseline is written: never, missing (where there is none), failed (where the run differs too) or all; "
        + "never where CI is set in the environment, else missing.", valueName: "mode"))
  var record: RecordMode?

  /// What stood in the file before the run.
  struct Opened {
    let path: String
    let mode: RecordMode
    let baseline: Baseline?
  }

  func validate() throws {
    if record != nil, baseline == nil { throw ValidationError("--record says when --baseline is written.") }
  }

  /// Reads the baseline; nil where none is asked for.
  func open() throws -> Opened? {
    guard let path = baseline else { return nil }
    let isCI = !["", "0", "false"].contains(ProcessInfo.processInfo.environment["CI"]?.lowercased() ?? "")
    let mode = record ?? (isCI ? .never : .missing)
    guard FileManager.default.fileExists(atPath: path) else {
      guard mode != .never else {
        throw BadInput(
          file: path,
          problem: "does not exist, and a baseline is never recorded under CI or by --record never",
          remedy: "record it by --record missing, and commit it")
      }
      _ = try OutputFiles(["--baseline": path], inputs: [], overwrite: false)
      return Opened(path: path, mode: mode, baseline: nil)
    }
    let text = try SmallFile.read(path, greatest: 256 << 20)
    return Opened(path: path, mode: mode, baseline: try Baseline(text, file: path))
  }
}

extension BaselineOptions.Opened {
  /// How a run stands beside the baseline, which is written where its mode says so; nil where there was none.
  func compare(_ run: VerificationSummary) throws -> BaselineComparison? {
    let comparison = baseline?.compared(with: run)
    let differs = comparison.map { !$0.worse.isEmpty || !$0.mended.isEmpty || !$0.missing.isEmpty } ?? true
    if mode == .all || mode == .failed && differs || mode == .missing && baseline == nil {
      try AtomicFile.write(Data(run.baseline().utf8), to: path, overwrite: true)
      Console.error("touchstone: recorded the baseline \(path)")
    }
    return comparison
  }
}
