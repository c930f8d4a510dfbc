import Foundation
import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport
import TouchstoneVerdict

@testable import TouchstoneReports

/// The forms for programs, CI systems and browsers, read back.
@Suite struct FormTests {
  // MARK: JSON

  private func object(_ report: Report) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(report.json().utf8)) as? [String: Any])
  }

  @Test func jsonHoldsWhatTheContractNames() throws {
    let object = try object(Sample.mismatch)
    #expect(object["verdict"] as? String == "mismatch")
    #expect(object["method"] as? String == "replay")
    #expect(object["golden"] as? String == "golden.h5")
    #expect(object["implementation"] as? String == "engine 1.0")
    let first = try #require(object["first"] as? [String: Any])
    #expect(first["path"] as? String == "layers/000/mlp_act")
    #expect(first["zone"] as? String == "PROVEN")
    #expect(first["ratio"] as? Double == 2690.1)
    #expect(first["index"] as? [Int] == [7, 211])
    #expect(first["got"] as? Double == 1.5127)
    #expect(first["want"] as? Double == 1.5119)
    let flagged = try #require(object["flagged"] as? [[String: Any]])
    #expect(flagged.map { $0["path"] as? String } == (0..<4).map { "layers/00\($0)/mlp_act" })
    #expect(flagged[0]["inherited"] as? Double == 2.5e-7)
    let cause = try #require(object["cause"] as? [String: Any])
    #expect(cause["id"] as? String == "gelu.half-table")
    #expect(cause["next_ratio"] as? Double == 41)
    #expect(object["compared"] as? Int == 66)
    #expect((object["operations"] as? [Any])?.count == 66)
    let omissions = try #require(object["not_compared"] as? [[String: String]])
    #expect(omissions[0] == ["path": "final/probs", "why": "it is not recorded"])
  }

  @Test func jsonMembersAreTheSameAndInTheSameOrderForEveryVerdict() throws {
    let keys = [
      "golden", "capture", "implementation", "error", "verdict", "method", "precision", "precision_note",
      "first", "flagged", "cause", "causes", "compared", "not_compared", "uncovered", "unknown_names",
      "notes", "operations",
    ]
    for report in [Sample.mismatch, Sample.consistent, Sample.nothing] {
      let topLevel = report.json().split(separator: "\n").filter { $0.hasPrefix("  \"") }
        .compactMap { $0.split(separator: "\"").dropFirst().first.map(String.init) }
      #expect(topLevel == keys)
    }
    #expect(try object(Sample.nothing)["first"] is NSNull)
    #expect(try object(Sample.nothing)["cause"] is NSNull)
  }

  @Test func numbersThatAreNotFiniteAreNull() throws {
    let finding = Finding(
      activation: Activation(.logits), zone: .fail, ratio: .infinity, index: [0, 1], got: .nan,
      want: -.infinity)
    let first = try #require(try object(Sample.report(Sample.verdict([finding])))["first"] as? [String: Any])
    for key in ["ratio", "got", "want"] { #expect(first[key] is NSNull) }
  }

  @Test func jsonGivesAnyTextBackUnchanged() throws {
    #expect(try object(Sample.hostile)["golden"] as? String == Sample.hostileText)
    #expect(try object(Sample.hostile)["notes"] as? [String] == [Sample.hostileText])
    #expect(
      !Sample.hostile.json().unicodeScalars.contains {
        $0 != "\n" && $0.properties.generalCategory == .control
      })
  }

  // MARK: JUnit

  @Test func junitHasACaseForEveryOperation() throws {
    let document = try ParsedXML(Sample.mismatch.junit())
    #expect(document.count("testcase") == 66 + 3)
    #expect(document.count("failure") == 4)
    #expect(document.count("skipped") == 3)
    let suite = try #require(document.attributes("testsuite").first)
    #expect(
      suite["tests"] == "69" && suite["failures"] == "4" && suite["skipped"] == "3" && suite["errors"] == "0")
    let failure = try #require(document.attributes("failure").first)
    #expect(failure["type"] == "PROVEN")
    #expect(failure["message"] == "layers/000/mlp_act introduced here, proven (2,690x the bound)")
    #expect(document.text.contains("worst at token 7, unit 211: got 1.5127, want 1.5119"))
  }

  @Test func onlyAConsistentVerdictIsGreen() throws {
    let suspect = Sample.report(
      Sample.verdict(Sample.findings(layers: 1) { $0.point == .query ? (.suspect, 1.2) : nil }))
    for (report, bad) in [(Sample.consistent, 0), (suspect, 1), (Sample.nothing, 1), (Sample.mismatch, 4)] {
      let document = try ParsedXML(report.junit())
      #expect(document.count("failure") + document.count("error") == bad)
    }
  }

  // MARK: Markdown

  @Test func markdownTablesHaveWholeRows() {
    let lines = Sample.mismatch.markdown().split(separator: "\n")
    let rows = lines.filter { $0.hasPrefix("|") }
    #expect(rows.count == 2 + 3 + Sample.layerPoints.count + 3)
    #expect(rows.allSatisfy { $0.count { $0 == "|" } == 7 })
    #expect(
      lines[0].hasPrefix("### MISMATCH: layers/000/mlp&#95;act  introduced here, proven (2,690x the bound)"))
  }

  // MARK: What comes from outside

  @Test func textFromFilesIsOnlyTextInMarkup() throws {
    let visible = "a<script>alert(1)</script>\"\u{301} onload='x' ]]> & | ` * _"
    let document = try ParsedXML(Sample.hostile.junit())
    #expect(document.count("script") == 0 && document.count("b") == 0)
    #expect(document.attributes.allSatisfy { $0.attributes["onload"] == nil })
    #expect(document.everything.contains(visible))
  }

  @Test func textFromFilesIsOnlyTextInMarkdown() {
    let text = Sample.hostile.markdown()
    #expect(
      !text.contains("<script") && !text.contains("\n## x") && !text.contains("`") && !text.contains("\u{1B}")
    )
    let rows = text.split(separator: "\n").filter { $0.hasPrefix("|") }
    #expect(rows.allSatisfy { $0.count { $0 == "|" } == 7 })
  }
}
