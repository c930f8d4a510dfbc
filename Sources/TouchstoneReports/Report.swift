import TouchstoneModel
import TouchstoneVerdict

/// One verdict, ready to be rendered for a terminal, a program, a CI system or a browser.
///
/// Names and sentences that come from files are escaped in every form: they cannot move a cursor, open a tag or
/// break a table.
public struct Report: Sendable {
  /// What was found.
  public let verdict: Verdict
  /// The golden's file, as the user named it.
  public let golden: String
  /// The capture's file, as the user named it.
  public let capture: String
  /// Who computed the capture; nil where that is not known.
  public let implementation: String?
  /// What tells the run from others; nil where the verdict is not joined with others of the run.
  public let run: String?
  /// What its page shows besides.
  public let context: PageContext
  /// How long computing and judging took, in seconds; nil where that was not measured.
  public let seconds: Double?

  /// Joins a verdict with the names of what was compared.
  public init(
    verdict: Verdict, golden: String, capture: String, implementation: String? = nil, run: String? = nil,
    context: PageContext = PageContext(), seconds: Double? = nil
  ) {
    self.run = run
    self.verdict = verdict
    self.golden = golden
    self.capture = capture
    self.implementation = implementation
    self.context = context
    self.seconds = seconds
  }

  /// What was compared and how, in one line.
  var subject: String {
    let producer = implementation.map { " (\($0))" } ?? ""
    let way =
      switch verdict.method {
      case .replay: "each operation replayed in float64 from the capture's own inputs"
      case .localFloor:
        "operations recomputed together from the capture's own inputs, against the noise of such arithmetic"
      case .sketch: "what sketches hold of rows against the golden's noise floor, weaker still"
      case .floor: "rows against the golden's noise floor, the weaker check"
      }
    let count = counted(verdict.findings.count, "operation")
    return "capture \(capture)\(producer) against golden \(golden): \(count) compared, \(way)"
  }
}
