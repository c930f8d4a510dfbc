import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

extension Report {
  /// The greatest size of a page, in bytes: operations are shown in full from the worst on, as far as there is room.
  static let greatestPageSize = 1_000_000

  /// The report as one HTML page, which holds everything that it shows: nothing is fetched from elsewhere.
  public func html() -> String {
    let panels = verdict.findings.enumerated().map { place, finding in
      OperationPanel(finding: finding, id: "op-\(place)", verdict: verdict, context: context)
    }
    let map = HeatMap(verdict, order: context.order)
    let all = Dictionary(panels.map { ($0.finding.activation, $0.id) }) { first, _ in first }
    let rest = page(map.table(linking: all), "", all)
    let list = PanelList(panels, room: Self.greatestPageSize - rest.utf8.count)
    return page(map.table(linking: list.ids), list.text, list.ids)
  }

  private func page(_ map: String, _ panels: String, _ ids: [Activation: String]) -> String {
    let headline = Headline(verdict)
    let omissions = Omissions(verdict.notCompared)
    let content = PageTemplates.verdict.render([
      "outcome": verdict.outcome.rawValue, "sign": verdict.outcome.sign, "word": headline.word,
      "sentence": headline.sentence, "subject": subject,
      "hasEvidence": !headline.causes.isEmpty || headline.worst != nil,
      "causes": headline.causes.map { cause($0, ids) }, "evidence": [headline.worst].compactMap(\.self),
      "steps": NextSteps(verdict, context).sentences,
      "hasMap": !verdict.findings.isEmpty, "hasInherited": verdict.findings.contains { $0.inherited != nil },
      "map": map, "panels": panels, "flaggedCount": grouped(verdict.flagged.count),
      "comparedCount": grouped(verdict.findings.count), "omissionCount": grouped(omissions.count),
      "nextTokens": nextTokens,
      "leftOut": PageTemplates.list(
        "Not compared (\(grouped(omissions.count)))", id: "left-out",
        omissions.entries.map { "\($0.what): \($0.why)" }),
      "notes": PageTemplates.list("Notes", id: "notes", verdict.notes), "clauses": clauses,
      "hasFiles": !context.files.isEmpty,
      "files": context.files.map { file -> [String: Any] in
        ["title": file.title, "facts": file.facts.map { ["label": $0.label, "text": $0.text] }]
      },
      "command": context.command.map { [$0] } ?? [],
    ])
    return PageTemplates.frame.render(["title": headline.word, "content": content])
  }

  /// A cause, with links to the operations that it explains.
  private func cause(_ sentence: String, _ ids: [Activation: String]) -> [String: Any] {
    let cause = verdict.causes.first { $0.sentence(in: verdict) == sentence }
    let places = (cause?.places ?? []).compactMap { path in
      Activation(path: path).flatMap { ids[$0] }.map { ["path": path, "id": $0] }
    }
    let (first, rest) = PageTemplates.folded(places)
    return [
      "text": sentence, "isPlaced": !places.isEmpty, "places": first,
      "more": rest.isEmpty ? "" : "and \(grouped(rest.count)) more",
    ]
  }

  private var nextTokens: String {
    let positions = context.nextTokens.map { next -> [String: Any] in
      let count = max(next.golden.count, next.capture.count)
      let rows = (0..<count).map { rank -> [String: Any] in
        let (golden, capture) = (next.golden.element(rank), next.capture.element(rank))
        return [
          "rank": "\(rank + 1)", "golden": golden?.token ?? "", "capture": capture?.token ?? "not finite",
          "goldenShare": golden.map { percent($0.probability, digits: 2) } ?? "",
          "captureShare": capture.map { percent($0.probability, digits: 2) } ?? "",
          "differs": golden?.token != capture?.token,
        ]
      }
      return ["title": "After token \(next.position), \(next.reason)", "rows": rows]
    }
    return positions.isEmpty ? "" : PageTemplates.nextTokens.render(["positions": positions])
  }

  /// The clauses by which anything was judged, each once, in the order in which they are first named.
  private var clauses: String {
    var clauses: [PageContext.Clause] = []
    for clause in verdict.findings.flatMap({ context.clauses[$0.activation] ?? [] })
    where !clauses.contains(clause) {
      clauses.append(clause)
    }
    guard !clauses.isEmpty else { return "" }
    return PageTemplates.clauses.render([
      "count": grouped(clauses.count), "isLong": !PageTemplates.folded(clauses).rest.isEmpty,
      "clauses": clauses.map { ["id": $0.id, "statement": $0.statement, "chapter": $0.chapter] },
    ])
  }
}

extension Array {
  /// The element of an index; nil beyond the end.
  fileprivate func element(_ index: Int) -> Element? { index < count ? self[index] : nil }
}

extension Verdict.Outcome {
  /// The sign that stands beside the word, so that colour is not all there is to see.
  var sign: String {
    switch self {
    case .consistent: "✓"
    case .mismatch: "✕"
    case .inconclusive: "?"
    }
  }
}
