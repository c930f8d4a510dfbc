import Testing

@Suite struct SpecificationVerbTests {
  @Test func clausesAreListedWithTheirTests() throws {
    try Program.inFolder { program in
      let result = try program.touchstone("specification", "--checkout", Program.checkout.path)
      #expect(result.code == 0)
      #expect(result.output.contains("5 Attention"))
      #expect(result.output.contains("ATT-7  A token sees itself and every earlier token, and no later one."))
      let last = result.output.split(separator: "\n").last ?? ""
      let counts = try #require(last.wholeMatch(of: /([0-9]+) clauses; tests hold ([0-9]+) of them/))
      #expect(counts.1 == counts.2)
    }
  }

  @Test func oneClauseIsShownWithAllThatBelongsToIt() throws {
    try Program.inFolder { program in
      let result = try program.touchstone(
        "specification", "--clause", "att-7", "--checkout", Program.checkout.path)
      #expect(result.code == 0)
      for part in [
        "ATT-7  ", "formula   ", "source    Vaswani", "freedom   ", "example   attentionScores", "test      ",
      ] {
        #expect(result.output.contains(part), "\(part)")
      }
    }
  }

  @Test func anInstalledProgramHasTheClauses() throws {
    try Program.inFolder { program in
      let result = try program.shell("touchstone specification")
      #expect(result.code == 0)
      #expect(result.output.contains("SMX-7  ") && result.output.contains("no sources are here"))
    }
  }

  @Test func whatDoesNotExistIsRefused() throws {
    try Program.inFolder { program in
      let unknown = try program.touchstone("specification", "--clause", "XYZ-1")
      #expect(unknown.code == 2 && unknown.errors.contains("there is no clause XYZ-1"))
      let elsewhere = try program.touchstone("specification", "--checkout", program.folder.path)
      #expect(elsewhere.code == 2 && elsewhere.errors.contains("holds no sources"))
    }
  }
}
