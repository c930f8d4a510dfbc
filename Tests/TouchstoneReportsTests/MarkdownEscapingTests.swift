import Testing

@testable import TouchstoneReports

/// Nothing that a file says becomes markup in a summary.
@Suite struct MarkdownEscapingTests {
  @Test(arguments: Array("[]<>!#*_`|~\\\"'&@:+={}$^?"))
  func everySignThatCouldBeginMarkupIsAReference(_ sign: Character) throws {
    let escaped = Escaping.markdown("a\(sign)b")
    let value = try #require(sign.asciiValue)
    #expect(escaped == "a&#\(value);b")
  }

  @Test func whatIsPlainStaysAsItIs() {
    #expect(
      Escaping.markdown("layers/003/attn-out, 0.5 (41%); Az09") == "layers/003/attn-out, 0.5 (41%); Az09")
    #expect(Escaping.markdown("a\nb") == "a&#92;nb")
  }
}
