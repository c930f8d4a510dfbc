import Testing
import TouchstoneAnalysis

@Suite struct TokenTextTests {
  @Test(arguments: [
    (Array(" king".utf8), "\" king\""), ([], "\"\""), (Array("\n".utf8), "\"\\n\""),
    (Array("\"\\".utf8), "\"\\\"\\\\\""), ([0xe2, 0x80], "\"\\xE2\\x80\""),
    ([0x41, 0xff, 0x0a], "\"A\\xFF\\x0A\""),
    (Array("é 世".utf8), "\"é 世\""), ([0x1b, 0x5b], "\"\\u{1b}[\""), (Array("\u{202e}".utf8), "\"\\u{202e}\""),
    ([0], "\"\\u{0}\""),
  ])
  func whatCannotBeSeenIsWrittenOut(bytes: [UInt8], text: String) {
    #expect(TokenText.quoted(bytes) == text)
  }

  @Test func aTokenWithoutTextIsShownByItsID() {
    #expect(TokenText(nil).quoted(7) == "#7")
    #expect(TokenText(nil).visible(7) == "#7")
    #expect(TokenText(nil).bytes(7) == nil)
  }

  @Test func spacesAndLineEndsAreVisibleInPictures() {
    #expect(TokenText.visible(Array(" to be".utf8)) == "·to·be")
    #expect(TokenText.visible([0x0a]) == "⏎")
  }
}
