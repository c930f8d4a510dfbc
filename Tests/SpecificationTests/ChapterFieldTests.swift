import Testing
import TouchstoneModel
import TouchstoneSpecification

/// Each line of a clause has one of the known names.
@Suite struct ChapterFieldTests {
  private func chapter(_ lines: String...) throws -> Chapter {
    let text = """
      # 1 Things

      ### THG-1
      A thing is a thing.

      - Formula: `x`
      - Source: somewhere
      - Freedom: none

      """
    let body = text + lines.map { $0 + "\n" }.joined()
    return try Chapter(markdown: body, file: "01-Things.md")
  }

  @Test func theKnownNamesAreRead() throws {
    let clause = try #require(try chapter("- Edge cases: at 0").clauses.first)
    #expect(clause.formula == "`x`" && clause.source == "somewhere" && clause.freedom == "none")
    #expect(clause.edgeCases == "at 0" && clause.line == 3)
    #expect(try chapter().clauses.first?.edgeCases == nil)
  }

  @Test(arguments: ["Formulae", "Note", "Sources", "Edge case"])
  func aLineOfNoKnownNameIsRefused(name: String) throws {
    let error = try #require(throws: BadInput.self) { try chapter("- \(name): y") }
    #expect(error.file == "01-Things.md")
    #expect(error.problem.contains("- \(name): "), "\(error)")
  }
}
