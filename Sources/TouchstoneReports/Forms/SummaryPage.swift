import TouchstoneVerdict

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
    let worstFirst = zip(entries, names).enumerated().sorted { one, other in
      let (left, right) = (one.element.0.gravity, other.element.0.gravity)
      return left == right ? one.offset < other.offset : left > right
    }.map(\.element)
    let worst = worstFirst.first?.0
    let content = PageTemplates.summary.render([
      "outcome": worst?.outcomeClass ?? "inconclusive", "sign": worst?.sign ?? "?",
      "word": worst?.word ?? "INCONCLUSIVE", "totals": totals, "common": common,
      "rows": worstFirst.map { $0.row(page: $1 + ".html") },
      "notes": PageTemplates.list("Notes", id: "notes", consistentNotes + notes),
    ])
    return PageTemplates.frame.render(["title": totals, "content": content])
  }
}

extension VerificationSummary.Entry {
  /// How bad it is: by its state, then by its worst operation.
  fileprivate var gravity: (Int, Int, Double) {
    guard case .judged(let report) = self, let worst = report.verdict.worst else {
      return (standing.state.rank, 0, 0)
    }
    return (standing.state.rank, worst.order.0, worst.order.1)
  }

  fileprivate var outcomeClass: String { word.lowercased() }

  fileprivate var sign: String {
    switch self {
    case .judged(let report): report.verdict.outcome.sign
    case .refused: "✕"
    case .unsupported: "–"
    }
  }

  fileprivate func row(page: String) -> [String: Any] {
    var row: [String: Any] = [
      "word": word, "class": outcomeClass, "sign": sign, "golden": golden, "sentence": finding,
      "worst": "",
      "seconds": "",
    ]
    if case .judged(let report) = self {
      row["page"] = page
      row["cause"] = report.verdict.cause?.name
      row["worst"] =
        report.verdict.worst.map { "\($0.activation.path) \(ratioText($0.ratio))" } ?? ""
      row["seconds"] = report.seconds.map { fixed($0, 1) } ?? ""
    }
    return row
  }
}

extension Verdict {
  /// The finding whose error is greatest, by zone and then by its bound.
  var worst: Finding? { findings.max { $0.order < $1.order } }
}
