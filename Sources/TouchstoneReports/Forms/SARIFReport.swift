import TouchstoneVerdict

extension VerificationSummary {
  /// The run in SARIF 2.1.0 (OASIS), for systems that show the findings of analyses: a result for each operation that is
  /// flagged, and one for each golden that could not be judged or is inconclusive.
  ///
  /// - Parameter version: the program's.
  public func sarif(version: String) -> String {
    let results = entries.flatMap(\.sarifResults)
    let rules = results.map(\.rule).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    let driver: OrderedJSON = .object([
      ("name", .string("touchstone")), ("version", .string(version)),
      ("rules", .array(rules.map { .object([("id", .string($0))]) })),
    ])
    return OrderedJSON.object([
      ("$schema", .string("https://json.schemastore.org/sarif-2.1.0.json")),
      ("version", .string("2.1.0")),
      (
        "runs",
        .array([
          .object([
            ("tool", .object([("driver", driver)])),
            ("results", .array(results.map(\.json))),
          ])
        ])
      ),
    ]).text() + "\n"
  }
}

private struct SARIFResult {
  let rule: String
  let level: String
  let message: String
  let golden: String
  /// The operation, where it is of one.
  var operation: String?

  var json: OrderedJSON {
    var location: [(String, OrderedJSON)] = [
      ("physicalLocation", .object([("artifactLocation", .object([("uri", .string(golden))]))]))
    ]
    if let operation {
      location.append(
        ("logicalLocations", .array([.object([("fullyQualifiedName", .string(operation))])])))
    }
    return .object([
      ("ruleId", .string(rule)), ("level", .string(level)),
      ("message", .object([("text", .string(message))])),
      ("locations", .array([.object(location)])),
      ("partialFingerprints", .object([("operation/v1", .string(golden + "#" + (operation ?? rule)))])),
    ])
  }
}

extension VerificationSummary.Entry {
  fileprivate var sarifResults: [SARIFResult] {
    func whole(_ rule: String, _ level: String) -> [SARIFResult] {
      [SARIFResult(rule: rule, level: level, message: finding, golden: golden)]
    }
    switch self {
    case .refused: return whole("refused", "error")
    case .unsupported: return whole("unsupported", "note")
    case .judged(let report):
      let flagged = report.verdict.flagged.map { finding in
        SARIFResult(
          rule: report.verdict.cause(of: finding)?.id ?? finding.zone.rawValue.lowercased(),
          level: "error", message: report.statement(of: finding), golden: golden,
          operation: finding.activation.path)
      }
      if !flagged.isEmpty || report.verdict.outcome == .consistent { return flagged }
      return whole(report.verdict.outcome.rawValue, report.verdict.outcome == .mismatch ? "error" : "warning")
    }
  }
}
