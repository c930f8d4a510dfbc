import TouchstoneVerdict

extension Report {
  /// The report as GitHub-flavoured Markdown, fit for the summary of a CI run.
  public func markdown() -> String {
    let headline = Headline(verdict)
    let omissions = Omissions(verdict.notCompared)
    return Self.markdownTemplate.render([
      "word": headline.word, "sentence": headline.sentence,
      "details": (headline.causes.map { "cause: " + $0 } + [headline.worst].compactMap { $0 }).map {
        ["detail": $0]
      },
      "subject": subject,
      "hasTable": !verdict.findings.isEmpty,
      "rows": OperationTable(verdict.findings).groups.flatMap(Self.markdownRows),
      "hasOmissions": omissions.count > 0, "omissionCount": grouped(omissions.count),
      "omissions": omissions.entries.map { ["what": $0.what, "why": $0.why] },
      "notes": verdict.notes.map { ["note": $0] },
    ])
  }

  private static func markdownRows(_ group: OperationTable.Group) -> [[String: Any]] {
    group.rows.map { row in
      [
        "layers": group.title ?? "", "operation": row.label, "zone": row.worst.zone.rawValue,
        "isFlagged": row.worst.zone != .consistent, "ratio": ratioText(row.worst.ratio),
        "where": row.whereWorst, "inherited": relativeText(row.inherited),
      ]
    }
  }

  private static let markdownTemplate = Template.markdownReport(
    columns: ["layers", "operation", "zone", "of its bound", "worst in", "inherited"],
    cells: ["layers", "operation", "zone", "ratio", "where", "inherited"])
}

extension Template {
  /// A report in Markdown: the verdict, what explains it, a table of findings, what was not compared, and notes.
  ///
  /// - Parameters:
  ///   - columns: the table's titles.
  ///   - cells: what each column holds of a row; `zone` is bold where the row is flagged, `ratio` and `inherited` stand to the right.
  static func markdownReport(columns: [String], cells: [String]) -> Template {
    let rules = cells.map { ["ratio", "inherited", "tensors"].contains($0) ? "---:" : "---" }
    let row = cells.map { cell in
      cell == "zone"
        ? "{{#isFlagged}}**{{zone}}**{{/isFlagged}}{{^isFlagged}}{{zone}}{{/isFlagged}}" : "{{\(cell)}}"
    }
    return Template(
      """
      ### {{word}}: {{sentence}}

      {{#details}}
      - {{detail}}
      {{/details}}

      {{subject}}

      {{#hasTable}}
      | \(columns.joined(separator: " | ")) |
      |\(rules.joined(separator: "|"))|
      {{#rows}}
      | \(row.joined(separator: " | ")) |
      {{/rows}}

      {{/hasTable}}
      {{#hasOmissions}}
      <details><summary>not compared ({{omissionCount}})</summary>

      {{#omissions}}
      - {{what}}: {{why}}
      {{/omissions}}

      </details>

      {{/hasOmissions}}
      {{#notes}}
      > {{note}}

      {{/notes}}

      """, escape: .markdown)
  }
}
