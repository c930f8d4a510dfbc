import Testing
import TouchstoneModel
@testable import TouchstoneSpecification

@Suite struct ChapterParserTests {
  static let clause = """
    # 5 Attention

    What it is for.

    ### ATT-7
    A token sees no
    later one.

    - Formula: `j ≤ i`
    - Source: a paper,
      §3
    - Freedom: none

    ```example
    softmax([]) == []
    ```

    More text.

    """

  @Test func aClauseIsReadWithAllItsParts() throws {
    let chapter = try Chapter(markdown: Self.clause, file: "05.md")
    #expect(chapter.title == "5 Attention")
    let clause = try #require(chapter.clauses.first)
    #expect(chapter.clauses.count == 1)
    #expect(clause.id == "ATT-7" && clause.line == 5)
    #expect(clause.statement == "A token sees no later one.")
    #expect(clause.formula == "`j ≤ i`" && clause.source == "a paper, §3" && clause.freedom == "none")
    #expect(clause.edgeCases == nil)
    #expect(clause.examples == [Clause.Example(text: "softmax([]) == []", line: 15)])
  }

  @Test(arguments: [
    ("### ATT-7", "### ATT-07"), ("### ATT-7", "### Att-7"), ("### ATT-7", "### ATT-0"),
    ("later one.", "later one"), ("- Formula: `j ≤ i`\n", ""), ("- Source: a paper,\n  §3\n", ""),
    ("- Freedom: none", "- Liberty: none"), ("- Freedom: none", "- Freedom: none\n- Freedom: some"),
    ("- Freedom: none", "- freedom none"), ("```example", "```swift"), ("[]\n```", "[]\n"),
    ("# 5 Attention", "Attention"), ("What it is for.", "```example\nsoftmax([]) == []\n```"),
  ])
  func aChapterOfAnotherFormIsRefusedByLine(what: String, with replacement: String) {
    let text = Self.clause.replacing(what, with: replacement)
    #expect(text != Self.clause)
    let error = #expect(throws: BadInput.self) { try Chapter(markdown: text, file: "05.md") }
    #expect(error?.description.hasPrefix("05.md: line ") == true)
  }

  @Test func anIDIsGivenOnce() throws {
    let chapter = try Chapter(markdown: Self.clause, file: "05.md")
    #expect(throws: BadInput.self) { try Specification(chapters: [chapter, chapter]) }
  }

  @Test func holdersAreFoundInTestsAndProperties() {
    let trait = ".\("clause")("
    let text = """
      @Suite(\(trait)"A-1")) struct Some {
        @Test(\(trait)"A-2", "A-3"), arguments: [1])
        func holds(x: Int) {}
      }
      static let it = Model\("Property")(
        "a later token changes nothing", clauses: ["A-4"])
      """
    let holders = ClauseHolders.holders(in: text, file: "T.swift")
    #expect(holders.map(\.clauses) == [["A-1"], ["A-2", "A-3"], ["A-4"]])
    #expect(holders.map(\.name) == ["Some", "holds", "a later token changes nothing"])
    #expect(holders.map(\.line) == [1, 2, 6])
  }
}
