import TouchstoneVerdict

extension Report {
  /// The report for CI systems: JUnit's XML, a test case for each operation.
  ///
  /// A flagged operation is a failure and one that was not compared is skipped. A comparison of nothing, or one that
  /// leaves the verdict inconclusive without a flag, is an error, so that only a consistent verdict is green.
  public func junit() -> String {
    junitDocument([junitSuite])
  }

  var junitSuite: JUnitSuite {
    junitSuite(named: [golden, implementation ?? capture].joined(separator: " · "))
  }

  func junitSuite(named name: String) -> JUnitSuite {
    let compared = verdict.findings.map { finding in
      JUnitCase(
        name: finding.activation.path,
        outcome: finding.zone == .consistent
          ? .passed
          : .failed(
            type: finding.zone.rawValue, message: statement(of: finding),
            detail: finding.worstElement ?? ""))
    }
    let skipped = verdict.notCompared.map { JUnitCase(name: $0.path, outcome: .skipped(why: $0.why)) }
    let open =
      verdict.findings.isEmpty
      ? JUnitCase(name: "anything compared", outcome: .error(message: Headline(verdict).sentence))
      : JUnitCase(name: "everything compared", outcome: .error(message: Headline(verdict).sentence))
    let isOpen = verdict.outcome != .consistent && verdict.flagged.isEmpty
    return JUnitSuite(
      name: name, cases: compared + skipped + (isOpen ? [open] : []),
      output: terminal())
  }
}

extension Report {
  /// What is wrong with an operation, and why, in one sentence.
  func statement(of finding: Finding) -> String {
    "\(finding.activation.path) \(finding.statement)"
      + (verdict.cause(of: finding).map { "; cause: \($0.name)" } ?? "")
  }
}

extension Verdict {
  /// The cause that explains an operation; nil where none does.
  func cause(of finding: Finding) -> Cause? {
    causes.first { $0.places.contains(finding.activation.path) }
  }
}

/// One suite of a JUnit document.
struct JUnitSuite {
  let name: String
  let cases: [JUnitCase]
  let output: String
}

/// One test case.
struct JUnitCase {
  enum Outcome {
    case passed
    case failed(type: String, message: String, detail: String)
    case skipped(why: String)
    case error(message: String)
  }

  let name: String
  let outcome: Outcome

  fileprivate var values: [String: Any] {
    var values: [String: Any] = ["case": name]
    switch outcome {
    case .passed: break
    case .failed(let type, let message, let detail):
      values["failure"] = ["type": type, "message": message, "detail": detail]
    case .skipped(let why): values["skipped"] = ["message": why]
    case .error(let message): values["error"] = ["message": message]
    }
    return values
  }
}

/// A whole JUnit document.
func junitDocument(_ suites: [JUnitSuite]) -> String {
  junitTemplate.render([
    "suites": suites.map { suite -> [String: Any] in
      [
        "name": suite.name, "tests": suite.cases.count,
        "failures": suite.cases.count { if case .failed = $0.outcome { true } else { false } },
        "errors": suite.cases.count { if case .error = $0.outcome { true } else { false } },
        "skips": suite.cases.count { if case .skipped = $0.outcome { true } else { false } },
        "cases": suite.cases.map(\.values),
        "output": suite.output.split(separator: "\n", omittingEmptySubsequences: false).map {
          ["line": String($0)]
        },
      ]
    }
  ])
}

private let junitTemplate = Template(
  """
  <?xml version="1.0" encoding="UTF-8"?>
  <testsuites name="touchstone">
  {{#suites}}
    <testsuite name="{{name}}" tests="{{tests}}" failures="{{failures}}" errors="{{errors}}" skipped="{{skips}}">
  {{#cases}}
      <testcase classname="{{name}}" name="{{case}}">{{#failure}}<failure type="{{type}}" message="{{message}}">{{detail}}</failure>{{/failure}}{{#error}}<error message="{{message}}"/>{{/error}}{{#skipped}}<skipped message="{{message}}"/>{{/skipped}}</testcase>
  {{/cases}}
      <system-out>
  {{#output}}
  {{line}}
  {{/output}}
      </system-out>
    </testsuite>
  {{/suites}}
  </testsuites>

  """, escape: .markup)
