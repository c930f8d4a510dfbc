extension VerificationSummary {
  /// The run as web pages that need nothing else: `index.html` with a row a golden, and the page of each that was judged.
  public func pages() -> [(name: String, html: String)] {
    let names = FileNames.unique(entries.map(\.golden), reserved: ["index"])
    let judged = zip(entries, names).compactMap { entry, name -> (name: String, html: String)? in
      if case .judged(let report) = entry { (name + ".html", report.html()) } else { nil }
    }
    return [("index.html", index(names))] + judged
  }

  private func index(_ names: [String]) -> String {
    let remarks = consistentNotes + notes + common
    return Self.pageTemplate.render([
      "totals": totals,
      "rows": zip(entries, names).map { entry, name -> [String: Any] in
        var row = [
          "word": entry.word, "class": entry.word.lowercased(), "golden": entry.golden,
          "sentence": entry.finding, "page": "",
        ]
        if case .judged(let report) = entry {
          row["page"] = name + ".html"
          row["cause"] = report.verdict.cause?.name ?? ""
        }
        return row
      },
      "hasNotes": !remarks.isEmpty, "notes": remarks.map { ["note": $0] },
    ])
  }

  private static let pageTemplate = Template(
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8"/>
    <meta name="viewport" content="width=device-width, initial-scale=1"/>
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
    <title>{{totals}} – touchstone</title>
    <style>
    :root { color-scheme: light dark; --ink: #1b1b1f; --paper: #fff; --line: #d8d8de; --link: #0550ae;
      --good: #116329; --doubt: #7d4e00; --bad: #b3151f; }
    @media (prefers-color-scheme: dark) { :root { --ink: #e8e8ec; --paper: #16161a; --line: #3a3a42; --link: #79b8ff;
      --good: #57d37a; --doubt: #e3b341; --bad: #ff7b72; } }
    body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
      max-width: 75rem; padding: 0 1rem; }
    h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; } a { color: var(--link); }
    .scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; width: 100%; }
    th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top;
      overflow-wrap: anywhere; }
    td:nth-child(2) { font-weight: 600; white-space: nowrap; }
    .consistent { color: var(--good); } .inconclusive { color: var(--doubt); }
    .mismatch, .refused { color: var(--bad); }
    </style>
    </head>
    <body>
    <h1>{{totals}}</h1>
    <div class="scroll"><table>
    <tr><th scope="col">golden</th><th scope="col">verdict</th><th scope="col">finding</th></tr>
    {{#rows}}
    <tr><td>{{#page}}<a href="{{page}}">{{golden}}</a>{{/page}}{{^page}}{{golden}}{{/page}}</td><td class="{{class}}">{{word}}</td><td>{{sentence}}{{#cause}}<br/>cause: {{cause}}{{/cause}}</td></tr>
    {{/rows}}
    </table></div>
    {{#hasNotes}}
    <h2>Notes</h2>
    <ul>
    {{#notes}}
    <li>{{note}}</li>
    {{/notes}}
    </ul>
    {{/hasNotes}}
    </body>
    </html>

    """, escape: .markup)
}
