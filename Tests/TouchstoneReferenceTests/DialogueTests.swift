import Testing
import TouchstoneReference
import TouchstoneTestSupport

@Suite struct DialogueTests {
  @Test(.clause("GEN-12")) func theFrameEndsWhereTheAnswerBegins() {
    let dialogue = Dialogue(system: "A talk.", prompt: "Who's there?")
    #expect(dialogue.text == "A talk.\n\nUser: Who's there?\n\nAI Assistant:")
  }

  /// What is handed out, the pieces being of `size` characters.
  private func read(_ text: String, until end: String, size: Int) -> (text: String, isEnded: Bool) {
    var filter = TextUntil(end)
    var output = ""
    var rest = text[...]
    while !rest.isEmpty {
      output += filter.append(String(rest.prefix(size)))
      rest = rest.dropFirst(size)
    }
    output += filter.finish()
    return (output, filter.isEnded)
  }

  @Test(.clause("GEN-13"), arguments: [1, 2, 3, 5, 100])
  func theTextEndsBeforeTheFirstEndHoweverItIsCut(size: Int) {
    for (text, expected, isEnded) in [
      ("well met\nUser: and", "well met", true), ("\nUser:", "", true), ("", "", false),
      ("\n\n\nUser:\nUser:", "\n\n", true), ("\nUse\nUser", "\nUse\nUser", false), ("\nUs", "\nUs", false),
      ("é\nUser: 世", "é", true),
    ] {
      #expect(read(text, until: Dialogue.end, size: size) == (expected, isEnded), "\(text)")
    }
  }

  @Test(.clause("GEN-13"), arguments: [1, 2, 4])
  func anEndThatOverlapsItselfIsFound(size: Int) {
    #expect(read("aabaabaac", until: "aabaac", size: size) == ("aab", true))
  }
}
