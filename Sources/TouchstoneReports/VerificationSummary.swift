import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// What a run over several goldens found, rendered.
public struct VerificationSummary: Sendable {
  /// One golden.
  public enum Entry: Sendable {
    /// It was judged.
    case judged(Report)
    /// It, or the capture made for it, could not be accepted.
    case refused(golden: String, implementation: String?, error: BadInput)
    /// The implementation says that it does not run such a model or such inputs.
    case unsupported(golden: String, implementation: String?, reason: String? = nil)
  }

  /// In the order in which the goldens were taken.
  public let entries: [Entry]
  /// What a reader must know of the run besides, such as goldens that were passed over.
  public let notes: [String]

  /// Why entries were refused, in their order.
  public var refusals: [BadInput] {
    entries.compactMap { if case .refused(_, _, let error) = $0 { error } else { nil } }
  }

  /// Collects the entries of a run.
  public init(_ entries: [Entry], notes: [String] = []) {
    self.entries = entries
    self.notes = notes
  }

  /// A line for each golden, the whole report of each that is not consistent, the notes of the others, what several have
  /// in common, and the count of each outcome.
  ///
  /// - Parameter color: whether to use ANSI colours; only where the text goes to a terminal.
  public func terminal(color: Bool = false) -> String {
    let style = TerminalStyle(color: color)
    var table = AlignedColumns([AlignedColumns.Column(isRight: false), AlignedColumns.Column(isRight: false)])
    for entry in entries { table.add([entry.word, Escaping.line(entry.sentence)]) }
    let lines = table.lines { row, column, cell in
      column == 0 ? entries[row].painted(cell, style) : cell
    }
    let details = entries.compactMap { entry -> String? in
      guard case .judged(let report) = entry, report.verdict.outcome != .consistent else { return nil }
      return "\n" + report.terminal(color: color)
    }
    let remarks = (consistentNotes + notes).map { "note: " + Escaping.line($0) } + common.map(Escaping.line)
    let said = remarks.isEmpty ? "" : "\n" + remarks.joined(separator: "\n") + "\n"
    return (lines.joined(separator: "\n") + "\n" + details.joined()) + said + "\n" + totals + "\n"
  }

  /// A list of what ``Report/json()`` gives, with `error` where an entry was refused.
  public func json() -> String {
    OrderedJSON.array(entries.map(\.jsonObject)).text() + "\n"
  }

  /// JUnit's XML, a suite for each golden.
  ///
  /// - Parameter namesGoldens: whether a suite bears the name of its golden alone, which stays the same whatever
  ///   implementation is verified.
  public func junit(namesGoldens: Bool = false) -> String {
    junitDocument(entries.map { $0.junitSuite(namesGolden: namesGoldens) })
  }

  /// A table of the goldens in GitHub-flavoured Markdown, and the report of each that is not consistent.
  ///
  /// - Parameter details: whether those reports are there.
  public func markdown(details hasDetails: Bool = true) -> String {
    let table = Self.markdownTemplate.render([
      "totals": totals,
      "rows": entries.map { ["word": $0.word, "golden": $0.golden, "sentence": $0.finding] },
    ])
    let details = entries.compactMap { entry -> String? in
      guard hasDetails, case .judged(let report) = entry, report.verdict.outcome != .consistent else {
        return nil
      }
      return report.markdown()
    }
    let remarks = Self.remarksTemplate.render([
      "remarks": (consistentNotes + notes + common).map { ["text": $0] }
    ])
    return ([table] + details + (remarks.isEmpty ? [] : [remarks])).joined(separator: "\n")
  }

  /// For example `6 goldens: 4 consistent, 1 mismatch, 1 refused`.
  var totals: String {
    if entries.isEmpty { return "no goldens: nothing was verified" }
    let order = ["CONSISTENT", "MISMATCH", "INCONCLUSIVE", "UNSUPPORTED", "REFUSED"]
    let counts = Dictionary(grouping: entries, by: \.word).mapValues(\.count)
    return counted(entries.count, "golden") + ": "
      + order.compactMap { word in counts[word].map { "\(grouped($0)) \(word.lowercased())" } }
      .joined(separator: ", ")
  }

  private static let remarksTemplate = Template(
    """
    {{#remarks}}
    > {{text}}

    {{/remarks}}
    """, escape: .markdown)

  private static let markdownTemplate = Template(
    """
    ### {{totals}}

    | golden | | |
    |---|---|---|
    {{#rows}}
    | {{golden}} | **{{word}}** | {{sentence}} |
    {{/rows}}

    """, escape: .markdown)
}

extension VerificationSummary.Entry {
  /// The golden, as the run named it.
  public var golden: String {
    switch self {
    case .judged(let report): report.golden
    case .refused(let golden, _, _), .unsupported(let golden, _, _): golden
    }
  }

  var word: String {
    switch self {
    case .judged(let report): report.verdict.outcome.rawValue.uppercased()
    case .refused: "REFUSED"
    case .unsupported: "UNSUPPORTED"
    }
  }

  /// What is to be said of it, in one sentence.
  public var finding: String {
    switch self {
    case .judged(let report): Headline(report.verdict).sentence
    case .refused(_, _, let error): error.description
    case .unsupported(_, _, let reason):
      reason.map { "not compared: the program says that it does not support it: \($0)" }
        ?? "not compared: the program says that it does not support it (exit code 77)"
    }
  }

  fileprivate var sentence: String {
    "\(DisplayText.shortened(golden, to: 120))  \(DisplayText.shortened(finding, to: 260))"
  }

  fileprivate func painted(_ text: String, _ style: TerminalStyle) -> String {
    switch self {
    case .judged(let report): style.outcome(report.verdict.outcome, text)
    case .refused: style.refused(text)
    case .unsupported: text
    }
  }

  fileprivate var jsonObject: OrderedJSON {
    switch self {
    case .judged(let report): report.jsonObject
    case .refused(let golden, let implementation, let error):
      Report.jsonObject(
        nil, golden: golden, capture: nil, implementation: implementation, error: error.description)
    case .unsupported(let golden, let implementation, _):
      Report.jsonObject(
        nil, golden: golden, capture: nil, implementation: implementation, error: nil, note: finding)
    }
  }

  fileprivate func junitSuite(namesGolden: Bool) -> JUnitSuite {
    func suite(_ implementation: String?, _ only: JUnitCase) -> JUnitSuite {
      let name = [golden, namesGolden ? nil : implementation].compactMap { $0 }.joined(separator: " · ")
      return JUnitSuite(name: name, cases: [only], output: "")
    }
    switch self {
    case .judged(let report): return namesGolden ? report.junitSuite(named: golden) : report.junitSuite
    case .refused(_, let implementation, let error):
      return suite(implementation, JUnitCase(name: "accepted", outcome: .error(message: error.description)))
    case .unsupported(_, let implementation, _):
      return suite(implementation, JUnitCase(name: "supported", outcome: .skipped(why: finding)))
    }
  }
}
