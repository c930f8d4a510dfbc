import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport
import TouchstoneVerdict

@testable import TouchstoneReports

/// What several goldens have in common is said once; what leaves a verdict open is not green.
@Suite struct CommonFindingsTests {
  private func report(_ golden: String, notes: [String] = [], uncovered: [Activation] = []) -> Report {
    Report(
      verdict: Verdict(
        outcome: uncovered.isEmpty ? .consistent : .inconclusive, method: .replay,
        findings: Sample.findings(layers: 1), uncovered: uncovered, notes: notes),
      golden: golden, capture: "c.h5")
  }

  @Test func oneCauseOfManyIsOneSentence() {
    let summary = VerificationSummary([
      .judged(Sample.mismatch), .judged(Sample.consistent), .judged(Sample.mismatch),
    ])
    let sentence = "One cause in 2 of 2 flagged goldens: GELU through a half-precision table."
    #expect(summary.terminal().contains("\n" + sentence + "\n"))
    #expect(summary.markdown().contains("One cause in 2 of 2 flagged goldens"))
    #expect(!VerificationSummary([.judged(Sample.mismatch)]).terminal().contains("One cause"))
  }

  @Test func oneFirstOperationOfManyIsOneSentence() {
    let unknown = Sample.report(
      Sample.verdict(Sample.findings(layers: 2) { $0.point == .query ? (.fail, 3) : nil }))
    let text = VerificationSummary([.judged(unknown), .judged(unknown), .judged(Sample.mismatch)]).terminal()
    #expect(text.contains("In 2 of 3 flagged goldens the difference begins at q."))
  }

  @Test func equalNotesAreOneLineWithTheirGoldens() {
    let text = VerificationSummary([
      .judged(report("a.h5", notes: ["First.", "Second."])), .judged(report("b.h5", notes: ["First."])),
    ]).terminal()
    #expect(text.contains("\nnote: First. (all 2 goldens)\nnote: Second. (a.h5)\n"), "\(text)")
  }

  @Test func whatNothingCoversIsAnErrorForCI() throws {
    let document = try ParsedXML(report("a.h5", uncovered: [Activation(.logits)]).junit())
    #expect(document.count("error") == 1)
    #expect(
      try #require(document.attributes("error").first)["message"]?.contains("nothing covers final/logits")
        == true)
  }
}
