import TouchstoneModel
import TouchstoneOptimiser
import TouchstoneVerdict

/// A verdict on recorded steps of an optimiser, rendered.
///
/// Names that come from files are escaped in every form, as in ``Report``.
public struct StepReport: Sendable {
  /// What was found.
  public let verdict: StepVerdict
  /// The file, as the user named it.
  public let capture: String
  /// The golden, as the user named it; nil where there is none.
  public let golden: String?
  /// Who made the file; nil where that is not known.
  public let implementation: String?

  /// Joins a verdict with the names of what was judged.
  public init(verdict: StepVerdict, capture: String, golden: String? = nil, implementation: String? = nil) {
    (self.verdict, self.capture, self.golden, self.implementation) = (
      verdict, capture, golden, implementation
    )
  }

  // MARK: The answer

  private var word: String { verdict.outcome.rawValue.uppercased() }

  /// The answer in one sentence.
  var sentence: String {
    guard let first = verdict.decisive else {
      if verdict.findings.isEmpty { return "nothing could be compared" }
      if verdict.outcome == .consistent { return "every difference is rounding" }
      return
        "every difference is rounding, but \(counted(verdict.omissions.count, "tensor")) could not be compared"
    }
    let peers = verdict.findings.filter { $0.step == first.step && $0.stage == first.stage }
    let flagged = peers.filter { $0.zone != .consistent }
    let extent = peers.count > 1 ? ", in \(flagged.count) of \(counted(peers.count, "parameter"))" : ""
    let worst = flagged.max { $0.ratio < $1.ratio } ?? first
    return "\(worst.path)  \(first.stage.title) wrong here, \(worst.zone.rawValue.lowercased()) "
      + "(\(worst.problem ?? boundText(worst.ratio)))\(extent)"
  }

  /// What explains it, and the worst element.
  private var details: [String] {
    let causes = verdict.causes.map { cause in
      let extent =
        cause.parameters.those == cause.parameters.of
        ? ""
        : "; in \(cause.parameters.those) of \(counted(cause.parameters.of, "parameter")): "
          + cause.examples.joined(separator: ", ")
          + (cause.parameters.those > cause.examples.count ? ", …" : "")
      let step = verdict.extent.steps > 1 ? "\(cause.step): " : ""
      let others = cause.equivalents.isEmpty ? "" : "; or " + cause.equivalents.joined(separator: "; or ")
      return "cause: \(step)\(cause.name)\(extent)\(others)"
    }
    return causes + [verdict.decisive.flatMap(Self.worst)].compactMap { $0 }
  }

  private static func worst(_ finding: StepFinding) -> String? {
    guard finding.problem == nil else { return nil }
    let (got, want) = distinguished(finding.got, finding.want)
    let place = finding.index.isEmpty ? "" : " at \(finding.index)"
    return "worst\(place): got \(got), want \(want)"
  }

  private var subject: String {
    let producer = implementation.map { " (\($0))" } ?? ""
    let against = golden.map { ", against golden \($0)" } ?? ""
    return "\(capture)\(producer)\(against): \(counted(verdict.findings.count, "tensor")) of "
      + "\(counted(verdict.extent.steps, "step")) compared, each computed in float64 from the step's own inputs "
      + "(\(verdict.precision.name))"
  }

  // MARK: The table

  /// Findings of one stage of one step.
  private struct Row {
    let step: String
    let stage: StepStage
    let worst: StepFinding
    let count: Int
    let inherited: Double?
  }

  private var rows: [Row] {
    var order: [String] = []
    var groups: [String: [StepFinding]] = [:]
    for finding in verdict.findings {
      let key = "\(finding.step) \(finding.stage.rawValue)"
      if groups[key] == nil { order.append(key) }
      groups[key, default: []].append(finding)
    }
    return order.compactMap { key in
      guard let findings = groups[key], let first = findings.first else { return nil }
      let worst = findings.dropFirst().reduce(first) {
        $1.zone > $0.zone || ($1.zone == $0.zone && $1.ratio > $0.ratio) ? $1 : $0
      }
      return Row(
        step: worst.step, stage: worst.stage, worst: worst, count: findings.count,
        inherited: findings.compactMap(\.inherited).max())
    }
  }

  // MARK: Forms

  /// The report as text for a person.
  ///
  /// - Parameter color: whether to use ANSI colours; only where the text goes to a terminal.
  public func terminal(color: Bool = false) -> String {
    let style = TerminalStyle(color: color)
    var lines = [style.outcome(verdict.outcome, word) + "  " + Escaping.line(sentence)]
    lines += details.map { "          " + Escaping.line($0) }
    lines += ["", Escaping.line(subject), ""]
    var table = AlignedColumns(
      [false, false, false, true, true, false, true].map { AlignedColumns.Column(isRight: $0) })
    var zones: [Zone?] = [nil]
    table.add(["step", "quantity", "zone", "of its bound", "tensors", "worst in", "inherited"])
    for row in rows {
      table.add([
        Escaping.line(row.step), row.stage.title, row.worst.zone.rawValue, ratioText(row.worst.ratio),
        grouped(row.count),
        Escaping.line(row.worst.parameter ?? ""), relativeText(row.inherited),
      ])
      zones.append(row.worst.zone)
    }
    if !rows.isEmpty {
      lines += table.lines { row, column, cell in
        guard let zone = zones[row], column == 2 || column == 3 else { return cell }
        return style.zone(zone, cell)
      }
    }
    if !verdict.omissions.isEmpty {
      lines += ["", "not compared (\(grouped(verdict.omissions.count))):"]
      lines += shownOmissions.map { "  " + Escaping.line("\($0.path): \($0.why)") }
      let hidden = verdict.omissions.count - shownOmissions.count
      if hidden > 0 { lines.append("  and \(grouped(hidden)) more; all of them with --json") }
    }
    if !verdict.notes.isEmpty { lines += [""] + verdict.notes.map { "note: " + Escaping.line($0) } }
    while lines.last == "" { lines.removeLast() }
    return lines.joined(separator: "\n") + "\n"
  }

  private var shownOmissions: [StepOmission] { Array(verdict.omissions.prefix(Omissions.greatestShown)) }

  /// The report for programs: one JSON object, its members always the same and in the same order.
  public func json() -> String {
    OrderedJSON.object([
      ("capture", .string(capture)),
      ("golden", .optional(golden)),
      ("implementation", .optional(implementation)),
      ("verdict", .string(verdict.outcome.rawValue)),
      ("precision", .string(verdict.precision.name)),
      ("first", verdict.decisive.map(Self.object) ?? .null),
      ("flagged", .array(verdict.flagged.map(Self.object))),
      ("causes", .array(verdict.causes.map(Self.object))),
      ("compared", .integer(verdict.findings.count)),
      (
        "not_compared",
        .array(verdict.omissions.map { .object([("path", .string($0.path)), ("why", .string($0.why))]) })
      ),
      ("notes", .array(verdict.notes.map { .string($0) })),
      ("tensors", .array(verdict.findings.map(Self.object))),
    ]).text() + "\n"
  }

  private static func object(_ finding: StepFinding) -> OrderedJSON {
    .object([
      ("path", .string(finding.path)), ("stage", .string(finding.stage.rawValue)),
      ("zone", .string(finding.zone.rawValue)), ("ratio", .number(finding.ratio)),
      ("index", .array(finding.index.map { .integer($0) })), ("got", .number(finding.got)),
      ("want", .number(finding.want)), ("elements", .integer(finding.count)),
      ("flagged", .integer(finding.flagged)), ("inherited", .optional(finding.inherited)),
      ("problem", .optional(finding.problem)),
    ])
  }

  private static func object(_ cause: StepCause) -> OrderedJSON {
    .object([
      ("id", .string(cause.id)), ("name", .string(cause.name)), ("step", .string(cause.step)),
      ("stages", .array(cause.stages.map { .string($0.rawValue) })),
      ("parameters", .integer(cause.parameters.those)), ("of", .integer(cause.parameters.of)),
      ("ratio", .number(cause.ratio)), ("equivalents", .array(cause.equivalents.map { .string($0) })),
    ])
  }

  /// JUnit's XML, a test case for each tensor; a verdict that is open without a flag is an error.
  public func junit() -> String {
    let compared = verdict.findings.map { finding in
      JUnitCase(
        name: finding.path,
        outcome: finding.zone == .consistent
          ? .passed
          : .failed(
            type: finding.zone.rawValue,
            message: "\(finding.path) \(finding.problem ?? boundText(finding.ratio))"
              + (cause(of: finding).map { "; cause: \($0.name)" } ?? ""),
            detail: Self.worst(finding) ?? ""))
    }
    let skipped = verdict.omissions.map { JUnitCase(name: $0.path, outcome: .skipped(why: $0.why)) }
    let isOpen = verdict.outcome != .consistent && verdict.flagged.isEmpty
    let open = JUnitCase(name: "everything compared", outcome: .error(message: sentence))
    return junitDocument([
      JUnitSuite(name: capture, cases: compared + skipped + (isOpen ? [open] : []), output: terminal())
    ])
  }

  private func cause(of finding: StepFinding) -> StepCause? {
    verdict.causes.first { $0.step == finding.step && $0.stages.contains(finding.stage) }
  }

  /// The report as GitHub-flavoured Markdown.
  public func markdown() -> String {
    Self.template.render([
      "word": word, "sentence": sentence, "details": details.map { ["detail": $0] }, "subject": subject,
      "hasTable": !rows.isEmpty,
      "rows": rows.map { row -> [String: Any] in
        [
          "step": row.step, "stage": row.stage.title, "zone": row.worst.zone.rawValue,
          "isFlagged": row.worst.zone != .consistent, "ratio": ratioText(row.worst.ratio),
          "tensors": grouped(row.count), "where": row.worst.parameter ?? "",
          "inherited": relativeText(row.inherited),
        ]
      },
      "hasOmissions": !verdict.omissions.isEmpty, "omissionCount": grouped(verdict.omissions.count),
      "omissions": verdict.omissions.map { ["what": $0.path, "why": $0.why] },
      "notes": verdict.notes.map { ["note": $0] },
    ])
  }

  private static let template = Template.markdownReport(
    columns: ["step", "quantity", "zone", "of its bound", "tensors", "worst in", "inherited"],
    cells: ["step", "stage", "zone", "ratio", "tensors", "where", "inherited"])
}
