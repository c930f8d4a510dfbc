import Foundation
import Testing
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneReports
@testable import TouchstoneVerdict

/// The pages, read back as XML, which they are besides HTML.
@Suite struct PageTests {
  /// Errors of every size, at places that a seed draws.
  private func survey(_ shape: [Int], _ axes: [Axis], seed: UInt64 = 11) -> ErrorSurvey {
    var random = SplitMix64(seed: seed)
    let values = (0..<shape.reduce(1, *)).map { _ in Double.random(in: -0.5..<0.5, using: &random) }
    let want = Tensor(values, shape: shape)
    let got = Tensor(values.map { $0 + 1e-7 * exp(Double.random(in: -11..<1, using: &random)) }, shape: shape)
    return ErrorSurvey(got: got, want: want, axes: axes, isJudged: { _ in true }, bound: { _ in 1e-7 })
  }

  /// A report of a model whose findings have everything that a page can show.
  private func report(layers: Int, tokens: Int = 16, text: String = "word", isWrong: Bool = true) -> Report {
    let flat = survey([tokens, 96], [.token, .unit(96)])
    let byHead = survey([4, tokens, 24], [.head(4), .token, .unit(24)])
    let pairs = survey([4, tokens, tokens], [.head(4), .query, .key])
    var findings = Sample.findings(layers: layers) { activation in
      isWrong && activation.point == .feedForwardActivation ? (.proven, 2690.1) : nil
    }
    for index in findings.indices {
      switch findings[index].activation.point {
      case .query, .key, .value: findings[index].survey = byHead
      case .attentionScores, .attentionProbabilities: findings[index].survey = pairs
      default: findings[index].survey = flat
      }
    }
    let first = Activation(.feedForwardActivation, layer: 0)
    let cause = Cause(
      id: "gelu.half-table", name: "GELU through a half-precision table", ratio: 0.9, nextRatio: 41,
      places: [first.path])
    var context = PageContext()
    context.order = findings.map(\.activation)
    let clause = PageContext.Clause(id: "FFN-3", statement: "The tanh form: \(text).", chapter: text)
    let bound = PageContext.Clause(id: "BND-11", statement: "Below zero it cancels.", chapter: "15-Bounds.md")
    for finding in findings { context.clauses[finding.activation] = [clause, bound] }
    context.tokens = (0..<tokens).map { "\(text)\($0)" }
    let choices = (0..<10).map {
      PageContext.NextTokens.Choice(token: "\(text)\($0)", probability: 0.1)
    }
    context.nextTokens = [
      PageContext.NextTokens(
        position: 15, reason: "the last one", golden: choices, capture: choices.reversed())
    ]
    context.files = [PageContext.File(title: "Golden", facts: [("producer", text)])]
    context.command = "touchstone diff \(text) capture.h5"
    context.practice = ["gelu.half-table": "ggml looks GELU up: \(text)"]
    return Report(
      verdict: Sample.verdict(
        findings, notCompared: [NotCompared(path: "layers/000/k_cache", why: "it is not recorded")],
        cause: isWrong ? cause : nil, notes: ["A note."]),
      golden: "golden.h5", capture: text, implementation: "engine 1.0", context: context)
  }

  @Test(arguments: [(1, 16), (48, 300)])
  func aPageIsWholeAndSmallAndFetchesNothing(layers: Int, tokens: Int) throws {
    for isWrong in [false, true] {
      let page = report(layers: layers, tokens: tokens, isWrong: isWrong).html()
      #expect(page.utf8.count <= Report.greatestPageSize)
      let document = try ParsedXML(page)
      for element in ["link", "img", "iframe", "object", "embed", "base"] {
        #expect(document.count(element) == 0)
      }
      #expect(document.attributes.allSatisfy { $0.attributes["src"] == nil })
      #expect(!page.contains("http://") && !page.contains("https://"))
      #expect(!page.replacing("url(#by-bound)", with: "").contains("url("))
      let ids = Set(document.attributes.compactMap { $0.attributes["id"] })
      #expect(document.attributes.count { $0.attributes["id"] != nil } == ids.count, "an id stands twice")
      for link in document.attributes("a").compactMap({ $0["href"] }) {
        #expect(link.hasPrefix("#") && ids.contains(String(link.dropFirst())), "\(link) leads nowhere")
      }
    }
  }

  @Test(arguments: [1, 48])
  func theMapHasACellForEveryOperation(layers: Int) throws {
    let report = report(layers: layers)
    let document = try ParsedXML(report.html())
    let cells = document.attributes("td").compactMap { $0["class"] }
    let compared = cells.filter { $0.hasPrefix("c ") || $0.hasPrefix("f ") }
    #expect(compared.count == report.verdict.findings.count)
    #expect(compared.count { $0.hasPrefix("f proven") } == layers)
    #expect(cells.count { $0 == "n" } == 1)
    // Before the layers, and after them.
    for name in ["embed/token", "embed/sum", "final/ln_f", "final/logits"] {
      #expect(document.text.contains(name))
    }
  }

  @Test func whatIsFlaggedIsShownInFullHoweverDeepTheModel() throws {
    let page = report(layers: 60).html()
    let panels = page.components(separatedBy: "<details class=\"op f\">").dropFirst()
    #expect(panels.count == 60)
    #expect(try #require(panels.first).contains("The worst element and its neighbours"))
  }

  @Test func aPageSaysWhatIsWrongWhyAndWhatToDo() throws {
    let page = report(layers: 4).html()
    let document = try ParsedXML(page)
    for words in [
      "MISMATCH", "cause: GELU through a half-precision table",
      "Look in the engine at what makes layers/000/mlp_act",
      "ggml looks GELU up", "FFN-3", "The tanh form: word.", "touchstone diff word capture.h5",
      "The worst element and its neighbours", "By head, 0–3", "By token, 0–15", "Map: query down, key across",
      "After token 15, the last one", "A note.", "k_cache in layer 000: it is not recorded",
    ] {
      #expect(document.text.contains(words), "\(words)")
    }
    #expect(document.count("svg") > 60)
  }

  @Test func aCauseLeadsToWhatItExplains() throws {
    let page = report(layers: 4).html()
    let place = try #require(page.firstMatch(of: /in <a href="#(op-\d+)">layers\/000\/mlp_act<\/a>/))
    #expect(page.contains("<div class=\"panel\" id=\"\(place.1)\">"))
  }

  /// Of a long list the first lines are seen at once, and all are there.
  @Test(arguments: [(3, nil), (12, nil), (13, "5 more"), (60, "52 more")] as [(Int, String?)])
  func longListsAreFolded(count: Int, fold: String?) throws {
    let notes = (0..<count).map { "Note \($0)." }
    let document = try ParsedXML(PageTemplates.list("Notes", id: "notes", notes))
    #expect(notes.allSatisfy { document.text.contains($0) })
    #expect(document.count("details") == (fold == nil ? 0 : 1))
    if let fold { #expect(document.text.contains(fold)) }
  }

  @Test func aConsistentPageHasNoCauseAndSaysThatNothingIsToBeDone() throws {
    let text = try ParsedXML(report(layers: 4, isWrong: false).html()).text
    #expect(text.contains("Nothing is to be mended") && !text.contains("cause:"))
  }

  @Test func withoutAGoldenNothingIsInherited() throws {
    let finding = Finding(activation: Activation(.query, layer: 0), zone: .consistent, ratio: 0.1)
    #expect(!Sample.report(Sample.verdict([finding])).html().contains("id=\"q-inherited\""))
    #expect(Sample.consistent.html().contains("id=\"q-inherited\""))
  }

  @Test func whereNothingIsComparedThePageSaysWhy() throws {
    let document = try ParsedXML(Sample.nothing.html())
    #expect(document.text.contains("nothing could be compared"))
    #expect(document.text.contains("final/logits: it is not recorded"))
    #expect(document.count("table") == 0)
  }

  /// The policy of the page lets its one script run by its digest: after a change of the script, this is the new one.
  @Test func thePolicyNamesTheScript() {
    let bytes = Digest.of(Data(PageScript.text.utf8))
    let raw = stride(from: 0, to: 64, by: 2).compactMap { place in
      UInt8(bytes.dropFirst(place).prefix(2), radix: 16)
    }
    #expect(PageScript.digest == Data(raw).base64EncodedString())
    #expect(Sample.consistent.html().contains("script-src 'sha256-\(PageScript.digest)'"))
  }

  @Test func textFromFilesIsOnlyText() throws {
    let visible = "a<script>alert(1)</script>\"\u{301} onload='x' ]]> & | ` * _"
    let run = VerificationSummary([
      .judged(report(layers: 1, text: Sample.hostileText)), .judged(Sample.hostile),
    ])
    let plain = try ParsedXML(report(layers: 1).html())
    for page in run.pages().map(\.html) {
      let document = try ParsedXML(page)
      #expect(document.count("script") == 1)
      #expect(document.attributes.allSatisfy { $0.attributes.keys.allSatisfy { !$0.hasPrefix("on") } })
      #expect(document.everything.contains(visible))
    }
    let hostile = try ParsedXML(report(layers: 1, text: Sample.hostileText).html())
    #expect(Set(hostile.attributes.map(\.element)) == Set(plain.attributes.map(\.element)))
  }

  @Test func theRunHasARowForEachGoldenTheWorstFirst() throws {
    let run = VerificationSummary(
      [
        .judged(Sample.consistent), .unsupported(golden: "other.h5", implementation: nil),
        .judged(
          Report(verdict: Sample.mismatch.verdict, golden: "bad.h5", capture: "c.h5", seconds: 1.25)),
        .refused(golden: "broken.h5", implementation: nil, error: BadInput(problem: "is not HDF5")),
      ], notes: ["Two are left out."])
    let index = run.pages()[0].html
    let document = try ParsedXML(index)
    #expect(document.attributes("a").compactMap { $0["href"] } == ["bad.html", "golden.html"])
    let order = ["bad.h5", "broken.h5", "other.h5", "golden.h5"].compactMap {
      index.range(of: ">\($0)<")?.lowerBound
    }
    #expect(order.count == 4 && order[0] < order[1])
    #expect(document.text.contains("layers/000/mlp_act 2,690x") && document.text.contains("1.2"))
    #expect(document.text.contains("Two are left out."))
    #expect(document.text.contains("MISMATCH"))
  }
}
