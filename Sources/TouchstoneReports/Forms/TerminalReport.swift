import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

extension Report {
  /// The report as text for a person: the answer first, then the table, what was not compared, and notes.
  ///
  /// - Parameter color: whether to use ANSI colours; only where the text goes to a terminal.
  public func terminal(color: Bool = false) -> String {
    let style = TerminalStyle(color: color)
    var lines = headlineLines(style)
    lines += ["", Escaping.line(subject), ""]
    lines += tableLines(style)
    lines += omissionLines()
    if !verdict.notes.isEmpty {
      lines += [""] + verdict.notes.map { "note: " + Escaping.line($0) }
    }
    while lines.last == "" { lines.removeLast() }
    return lines.joined(separator: "\n") + "\n"
  }

  private func headlineLines(_ style: TerminalStyle) -> [String] {
    let headline = Headline(verdict)
    let indent = "          "
    let details = (headline.causes.map { "cause: " + $0 } + [headline.worst].compactMap { $0 })
    return [style.outcome(verdict.outcome, headline.word) + "  " + Escaping.line(headline.sentence)]
      + details.map { indent + Escaping.line($0) }
  }

  private func tableLines(_ style: TerminalStyle) -> [String] {
    let groups = OperationTable(verdict.findings).groups
    if verdict.findings.isEmpty { return [] }
    var table = AlignedColumns([false, false, true, false, true].map { AlignedColumns.Column(isRight: $0) })
    var zones: [Zone?] = [nil]
    table.add(["operation", "zone", "of its bound", "worst in", "inherited"])
    for group in groups {
      if let title = group.title {
        table.add([title, "", "", "", ""])
        zones.append(nil)
      }
      for row in group.rows {
        let indent = group.title == nil ? "" : "  "
        table.add([
          indent + row.label, row.worst.zone.rawValue, ratioText(row.worst.ratio), row.whereWorst,
          relativeText(row.inherited),
        ])
        zones.append(row.worst.zone)
      }
    }
    return table.lines { row, column, cell in
      guard let zone = zones[row], column == 1 || column == 2 else { return cell }
      return style.zone(zone, cell)
    }
  }

  private func omissionLines() -> [String] {
    let omissions = Omissions(verdict.notCompared)
    if omissions.count == 0 { return [] }
    let shown = omissions.entries.prefix(Omissions.greatestShown)
    var lines = ["", "not compared (\(grouped(omissions.count))):"]
    lines += shown.map { "  " + Escaping.line("\($0.what): \($0.why)") }
    let hidden = omissions.entries.dropFirst(shown.count).reduce(0) { $0 + $1.count }
    if hidden > 0 { lines.append("  and \(grouped(hidden)) more; all of them with --json") }
    return lines
  }
}

extension OperationTable.Row {
  /// The layer, or for several operations the path, of the worst finding.
  var whereWorst: String {
    if isSummary { return worst.activation.path }
    return worst.activation.block.map { blocksText([$0.index], of: $0.stack) } ?? ""
  }
}

extension Omissions {
  /// How many entries a person is shown.
  static let greatestShown = 24
}
