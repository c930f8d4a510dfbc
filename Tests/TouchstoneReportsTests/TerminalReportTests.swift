import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

@testable import TouchstoneReports

@Suite struct TerminalReportTests {
  private func headline(_ report: Report) -> [String] {
    report.terminal().split(separator: "\n", omittingEmptySubsequences: false).prefix { !$0.isEmpty }.map(
      String.init)
  }

  @Test func aMismatchSaysWhereWhatAndHowMuchFirst() {
    #expect(
      headline(Sample.mismatch) == [
        "MISMATCH  layers/000/mlp_act  introduced here, proven (2,690x the bound); also in layers 001–003",
        "          cause: GELU through a half-precision table  (matches within rounding; next best is 41x away)",
        "          worst at token 7, unit 211: got 1.5127, want 1.5119",
      ])
  }

  @Test func theWholeReportOfAMismatchReadsAsExpected() {
    let expected = """
      MISMATCH  layers/000/mlp_act  introduced here, proven (2,690x the bound); also in layers 001–003
                cause: GELU through a half-precision table  (matches within rounding; next best is 41x away)
                worst at token 7, unit 211: got 1.5127, want 1.5119

      capture capture.h5 (engine 1.0) against golden golden.h5: 66 operations compared, \
      each operation replayed in float64 from the capture's own inputs

      operation       zone        of its bound  worst in   inherited
      embed/token     CONSISTENT         exact                     0
      embed/position  CONSISTENT         exact                     0
      embed/sum       CONSISTENT          25 %               2.5e-07
      layers 000–003
        resid_in      CONSISTENT         exact  layer 000          0
        ln_1          CONSISTENT          25 %  layer 000    2.5e-07
        q             CONSISTENT          25 %  layer 000    2.5e-07
        k             CONSISTENT          25 %  layer 000    2.5e-07
        v             CONSISTENT          25 %  layer 000    2.5e-07
        attn_scores   CONSISTENT          25 %  layer 000    2.5e-07
        attn_probs    CONSISTENT          25 %  layer 000    2.5e-07
        attn_context  CONSISTENT          25 %  layer 000    2.5e-07
        attn_out      CONSISTENT          25 %  layer 000    2.5e-07
        resid_mid     CONSISTENT          25 %  layer 000    2.5e-07
        ln_2          CONSISTENT          25 %  layer 000    2.5e-07
        mlp_pre       CONSISTENT          25 %  layer 000    2.5e-07
        mlp_act       PROVEN            2,690x  layer 000    2.5e-07
        mlp_out       CONSISTENT          25 %  layer 000    2.5e-07
        resid_out     CONSISTENT          25 %  layer 000    2.5e-07
      final/ln_f      CONSISTENT          25 %               2.5e-07
      final/logits    CONSISTENT          25 %               2.5e-07
      final/probs     CONSISTENT          25 %               2.5e-07

      not compared (3):
        final/probs: it is not recorded
        k_cache in layers 000–001: it is not recorded

      note: The noise-floor check was not made: the golden has no noise floor.

      """
    #expect(Sample.mismatch.terminal() == expected)
  }

  @Test func aConsistentReportNamesTheOperationNearestToItsBound() {
    #expect(
      headline(Sample.consistent) == [
        "CONSISTENT  all 66 operations compared are within rounding; "
          + "at most 25 % of the bound, at embed/sum"
      ])
  }

  @Test func nothingComparedIsInconclusive() {
    #expect(headline(Sample.nothing) == ["INCONCLUSIVE  nothing could be compared"])
    #expect(Sample.nothing.terminal().contains("not compared (1):\n  final/logits: it is not recorded"))
  }

  /// What is only suspect does not hide what fails after it.
  @Test func theFirstOperationThatFailsIsNamedBeforeAnEarlierSuspect() {
    let findings = Sample.findings(layers: 2) { activation in
      switch (activation.point, activation.layer) {
      case (.query, 0): (.suspect, 1.2)
      case (.attentionScores, 1): (.fail, 12)
      case (.attentionOutput, 1): (.proven, 99)
      default: nil
      }
    }
    #expect(
      headline(Sample.report(Sample.verdict(findings)))[0]
        == "MISMATCH  layers/001/attn_scores  introduced here (12x the bound); 2 other operations flagged")
  }

  @Test func aSuspectAloneIsInconclusive() {
    let findings = Sample.findings(layers: 1) { $0.point == .query ? (.suspect, 1.0004) : nil }
    #expect(
      headline(Sample.report(Sample.verdict(findings)))[0]
        == "INCONCLUSIVE  layers/000/q  suspect: an unusual order "
        + "of summation, or a fault too small to tell (1.000x the bound)")
  }

  @Test func aWrongShapeIsSaidInWords() {
    let finding = Finding(
      activation: Activation(.query, layer: 3), zone: .fail, ratio: .infinity,
      problem: "has the shape [4, 16, 31] where [4, 16, 32] is due")
    #expect(
      headline(Sample.report(Sample.verdict([finding]))) == [
        "MISMATCH  layers/003/q  has the shape [4, 16, 31] where [4, 16, 32] is due"
      ])
  }

  @Test func theFloorIsNamedAsSuch() {
    let finding = Finding(
      activation: Activation(.logits), method: .floor, zone: .fail, ratio: 37, index: [3, 501],
      axes: [.token, .vocabulary(1000)], got: 2, want: 1)
    let report = Sample.report(
      Verdict(outcome: .mismatch, method: .floor, findings: [finding]))
    #expect(
      headline(report)[0]
        == "MISMATCH  final/logits  strays from the golden further than noise (37x the bound)")
    #expect(report.terminal().contains("against the golden's noise floor, the weaker check"))
    #expect(report.terminal().contains("worst at token 3, vocabulary id 501: got 2, want 1"))
  }

  @Test func operationsReplayedAsOneAreNamedTogether() {
    let finding = Finding(
      activation: Activation(.attentionContext, layer: 0),
      hidden: [Activation(.attentionScores, layer: 0), Activation(.attentionProbabilities, layer: 0)],
      zone: .consistent, ratio: 0.5)
    #expect(
      Sample.report(Sample.verdict([finding])).terminal()
        .contains("  attn_context with attn_scores, attn_probs  CONSISTENT"))
  }

  // MARK: Depth

  @Test(arguments: [1, 4, 12, 96, 1200])
  func aConsistentReportIsShortAtAnyDepth(layers: Int) {
    let text = Sample.report(Sample.verdict(Sample.findings(layers: layers))).terminal()
    #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 30)
  }

  @Test func oneBadLayerOfNinetySixStandsBetweenTwoLines() {
    let findings = Sample.findings(layers: 96) { $0 == Activation(.key, layer: 40) ? (.fail, 5.5) : nil }
    let lines = Sample.report(Sample.verdict(findings)).terminal().split(separator: "\n").map(String.init)
    #expect(lines.count <= 32)
    #expect(
      lines.contains("layers 000–039  CONSISTENT          25 %  layers/000/ln_1    2.5e-07"), "\(lines)")
    #expect(lines.contains("layer 040"))
    #expect(lines.contains("          worst at head 1, token 7, unit 3: got 1.5127, want 1.5119"))
    #expect(
      lines.contains("  k             FAIL                5.5x  layer 040          2.5e-07"), "\(lines)")
    #expect(lines.contains { $0.hasPrefix("layers 041–095") })
  }

  @Test func manyDifferentBadLayersShowOnlyWhatIsFlagged() {
    let findings = Sample.findings(layers: 96) { activation in
      guard let layer = activation.layer else { return nil }
      return activation.point == Sample.layerPoints[layer % Sample.layerPoints.count] ? (.proven, 100) : nil
    }
    let text = Sample.report(Sample.verdict(findings)).terminal()
    #expect(text.split(separator: "\n").count <= 3 * 96 + 12)
    #expect(text.contains("14 other operations"))
  }

  @Test func manyOmissionsAreCounted() {
    let omissions = (0..<1000).map { NotCompared(path: "extra/\($0)", why: "reason \($0)") }
    let text = Sample.report(Sample.verdict([], notCompared: omissions)).terminal()
    #expect(text.contains("not compared (1,000):"))
    #expect(text.contains("and 976 more; all of them with --json"))
  }

  @Test func whatOneReasonCoversStandsInOneLine() {
    let names = ["q", "k", "v"].flatMap { name in (0..<4).map { "layers/00\($0)/\(name)" } }
    let omissions = (["embed/sum", "final/ln_f"] + names + (0..<100).map { "extra/\($0)" }).map {
      NotCompared(path: $0, why: $0.hasPrefix("extra") ? "unknown" : "it is not recorded")
    }
    let text = Sample.report(Sample.verdict([], notCompared: omissions)).terminal()
    let lines = text.split(separator: "\n").filter { $0.hasPrefix("  ") }
    #expect(lines.count == 3)
    #expect(lines.first == "  embed/sum, final/ln_f: it is not recorded")
    #expect(lines.dropFirst().first == "  q, k, v in layers 000–003: it is not recorded")
    #expect(lines.last?.hasSuffix("extra/23 and 76 more: unknown") == true)
  }

  // MARK: What a terminal obeys

  @Test func colourIsUsedOnlyWhereAsked() {
    #expect(!Sample.mismatch.terminal().contains("\u{1B}"))
    #expect(
      Sample.mismatch.terminal(color: true).hasPrefix("\u{1B}[1;31mMISMATCH\u{1B}[0m  layers/000/mlp_act"))
    var plain = Sample.mismatch.terminal(color: true)
    for code in ["\u{1B}[1;31m", "\u{1B}[0m"] { plain = plain.split(separator: code).joined() }
    #expect(plain == Sample.mismatch.terminal())
  }

  @Test func textFromFilesCannotCommandTheTerminal() {
    for scalar in Sample.hostile.terminal().unicodeScalars where scalar != "\n" {
      #expect(scalar.properties.generalCategory != .control && scalar != "\u{202E}")
    }
    #expect(!Sample.hostile.terminal().contains("\n## x"))
  }
}
