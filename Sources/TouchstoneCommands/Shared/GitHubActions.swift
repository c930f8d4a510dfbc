import Foundation
import TouchstoneReports

/// What a job of GitHub Actions shows beside its log, where this process runs in one.
struct GitHubActions {
  private let summaryPath: String?

  /// Nil elsewhere.
  init?(environment: [String: String] = ProcessInfo.processInfo.environment) {
    guard environment["GITHUB_ACTIONS"] == "true" else { return nil }
    summaryPath = environment["GITHUB_STEP_SUMMARY"].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// A summary of a job may have a megabyte.
  private static let greatestSummary = 900_000

  /// Annotates the run and adds to the job's summary.
  ///
  /// A job that cannot be told of it is not failed for that.
  func show(_ run: VerificationSummary) {
    for entry in run.entries { if let line = Self.annotation(entry) { Console.error(line) } }
    guard let summaryPath else { return }
    let whole = run.markdown()
    let text = whole.utf8.count <= Self.greatestSummary ? whole : run.markdown(details: false)
    guard let file = FileHandle(forUpdatingAtPath: summaryPath),
      (try? file.seekToEnd()) != nil, (try? file.write(contentsOf: Data((text + "\n").utf8))) != nil
    else {
      Console.error("touchstone: the summary of the job, \(summaryPath), cannot be written")
      return
    }
    try? file.close()
  }

  private static func annotation(_ entry: VerificationSummary.Entry) -> String? {
    let level: String
    switch entry {
    case .judged(let report):
      switch report.verdict.outcome {
      case .consistent: return nil
      case .mismatch: level = "error"
      case .inconclusive: level = "warning"
      }
    case .refused: level = "error"
    case .unsupported: level = "notice"
    }
    var text = entry.finding
    if case .judged(let report) = entry, let cause = report.verdict.cause { text += "; cause: \(cause.name)" }
    return "::\(level) title=\(escaped("touchstone " + entry.golden, isProperty: true))::\(escaped(text))"
  }

  /// As workflow commands have it: what would end a line or a property is written by its code.
  private static func escaped(_ text: String, isProperty: Bool = false) -> String {
    var text = text.replacing("%", with: "%25").replacing("\r", with: "%0D").replacing("\n", with: "%0A")
    if isProperty { text = text.replacing(":", with: "%3A").replacing(",", with: "%2C") }
    return text
  }
}
