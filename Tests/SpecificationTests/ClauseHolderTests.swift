import Testing

@testable import TouchstoneSpecification

/// Tests are found by the clauses they name, with their names and lines.
@Suite struct ClauseHolderTests {
  @Test func aHolderHasItsNameItsLineAndItsClauses() {
    // Written in pieces: this file is searched for holders too.
    let trait = "." + "clause"
    let text = """
      import Testing

      @Test(\(trait)("ATT-7", "ATT-8")) func one() {}

      @Suite(\(trait)("NUM-4")) struct Some {
        @Test(
          \(trait)("LN-1"), arguments: [1, 2])
        func `two words`(_ number: Int) {}
      }
      """
    let holders = ClauseHolders.holders(in: text, file: "A.swift")
    #expect(
      holders == [
        ClauseHolder(clauses: ["ATT-7", "ATT-8"], name: "one", file: "A.swift", line: 3),
        ClauseHolder(clauses: ["NUM-4"], name: "Some", file: "A.swift", line: 5),
        ClauseHolder(clauses: ["LN-1"], name: "two words", file: "A.swift", line: 7),
      ])
  }
}
