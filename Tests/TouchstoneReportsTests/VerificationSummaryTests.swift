import Foundation
import Testing
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneReports

@Suite struct VerificationSummaryTests {
  private let summary = VerificationSummary([
    .judged(Sample.consistent), .judged(Sample.mismatch),
    .refused(
      golden: "broken.h5", implementation: "simd",
      error: BadInput(file: "broken.h5", problem: "is not HDF5", remedy: "record it again")),
  ])

  @Test func theTerminalShowsALineForEachThenWhatIsNotConsistent() {
    let text = summary.terminal()
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(lines[0].hasPrefix("CONSISTENT  golden.h5  all 66 operations compared are within rounding"))
    #expect(lines[1].hasPrefix("MISMATCH    golden.h5  layers/000/mlp_act  introduced here"))
    #expect(lines[2] == "REFUSED     broken.h5  broken.h5: is not HDF5; record it again")
    #expect(lines.suffix(2) == ["3 goldens: 1 consistent, 1 mismatch, 1 refused", ""])
    #expect(text.contains("\n\n" + Sample.mismatch.terminal()))
    #expect(!text.contains(Sample.consistent.terminal()))
  }

  @Test func jsonIsAListOfReports() throws {
    let list = try #require(
      JSONSerialization.jsonObject(with: Data(summary.json().utf8)) as? [[String: Any]])
    #expect(list.map { $0["verdict"] as? String } == ["consistent", "mismatch", nil])
    #expect(list.map { $0["golden"] as? String } == ["golden.h5", "golden.h5", "broken.h5"])
    #expect(list[2]["error"] as? String == "broken.h5: is not HDF5; record it again")
    #expect(Set(list[0].keys) == Set(list[2].keys))
  }

  @Test func junitHasASuiteForEach() throws {
    let document = try ParsedXML(summary.junit())
    #expect(document.count("testsuite") == 3)
    #expect(document.count("failure") == 4 && document.count("error") == 1)
  }

  @Test func markdownHasARowForEach() {
    let text = summary.markdown()
    #expect(text.hasPrefix("### 3 goldens&#58; 1 consistent, 1 mismatch, 1 refused\n"))
    #expect(text.contains("| broken.h5 | **REFUSED** | broken.h5&#58; is not HDF5; record it again |"))
    #expect(text.contains("### MISMATCH"))
  }

  @Test func aRunOverNothingSaysSo() {
    let nothing = VerificationSummary([])
    #expect(nothing.terminal().contains("no goldens: nothing was verified"))
    #expect(nothing.json() == "[]\n")
  }

  @Test func textFromFilesIsOnlyText() throws {
    let hostile = VerificationSummary([
      .judged(Sample.hostile),
      .refused(
        golden: Sample.hostileText, implementation: nil, error: BadInput(problem: Sample.hostileText)),
    ])
    for scalar in hostile.terminal().unicodeScalars where scalar != "\n" {
      #expect(scalar.properties.generalCategory != .control)
    }
    #expect(try ParsedXML(hostile.junit()).count("script") == 0)
    let rows = hostile.markdown().split(separator: "\n").prefix { !$0.isEmpty }.filter { $0.hasPrefix("| ") }
    #expect(rows.allSatisfy { $0.count { $0 == "|" } == 4 || $0.count { $0 == "|" } == 7 })
    #expect(try JSONSerialization.jsonObject(with: Data(hostile.json().utf8)) is [Any])
  }
}
