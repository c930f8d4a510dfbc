import Foundation
import Testing
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneTokenizer

@Suite struct WordSplitterTests {
  private func words(_ bytes: [UInt8]) -> [[UInt8]] {
    var splitter = WordSplitter(bytes[...])
    var words: [[UInt8]] = []
    while let word = splitter.next() { words.append(Array(word)) }
    return words
  }

  private func words(_ text: String) -> [String] {
    words(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test(
    .clause("TOK-3"),
    arguments: [
      ("", []),
      ("Hello world", ["Hello", " world"]),
      ("it's we're I'll DON'T", ["it", "'s", " we", "'re", " I", "'ll", " DON", "'", "T"]),
      ("'sometimes", ["'s", "ometimes"]),
      ("!'s", ["!'", "s"]),
      (" 's", [" '", "s"]),
      ("abc123.5", ["abc", "123", ".", "5"]),
      ("a  b", ["a", " ", " b"]),
      ("a   ", ["a", "   "]),
      ("a \n b", ["a", " \n", " b"]),
      ("a\n\nb", ["a", "\n", "\n", "b"]),
      ("a\u{3000}\u{3000}b", ["a", "\u{3000}", "\u{3000}", "b"]),
      (" \t", [" \t"]),
      (" ", [" "]),
      ("½ Ⅷ ٣", ["½", " Ⅷ", " ٣"]),
      ("e\u{301}", ["e", "\u{301}"]),
      ("\u{1C}\u{180E}", ["\u{1C}\u{180E}"]),
    ])
  func textIsSplitAsThePatternSays(text: String, expected: [String]) {
    #expect(words(text).map { Array($0.utf8) } == expected.map { Array($0.utf8) })
  }

  @Test(.clause("TOK-3"), arguments: 0..<300 as Range<UInt64>)
  func theSplitIsThatOfARegularExpressionEngine(seed: UInt64) throws {
    // ICU's \s lacks what the property White_Space holds; the pattern is otherwise GPT-2's own.
    let pattern = try NSRegularExpression(
      pattern: #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+"#
        + #"|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+"#)
    var random = SplitMix64(seed: seed)
    let text = random.text(count: Int.random(in: 0...40, using: &random))
    let whole = NSRange(text.startIndex..., in: text)
    let expected = pattern.matches(in: text, range: whole).map {
      (text as NSString).substring(with: $0.range)
    }
    #expect(words(text).map { Array($0.utf8) } == expected.map { Array($0.utf8) }, "seed \(seed)")
  }

  @Test(arguments: 0..<100 as Range<UInt64>)
  func wordsOfAnyBytesJoinToTheBytes(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let bytes = random.bytes(count: Int(seed))
    #expect(words(bytes).flatMap { $0 } == bytes, "seed \(seed)")
  }

  @Test(.clause("TOK-3")) func bytesThatAreNoCharacterAreSigns() {
    #expect(
      words(Array("a".utf8) + [0xFF, 0xC3] + Array("b ".utf8) + [0xE2, 0x82]) == [
        [0x61], [0xFF, 0xC3], [0x62], [0x20, 0xE2, 0x82],
      ])
  }

  /// A surrogate, written as UTF-8 would, is three bytes that are no character.
  @Test func encodedSurrogatesAreSigns() {
    #expect(words([0x61, 0xED, 0xA0, 0x80, 0x61]) == [[0x61], [0xED, 0xA0, 0x80], [0x61]])
  }

  /// The table is of Unicode 18, Swift 6.3 of Unicode 17: 12,823 letters and digits are unassigned in Swift.
  @Test func everyAssignedScalarHasTheClassThatThePythonReferenceGives() throws {
    let table = try UnicodeClassTable()
    for value in UInt32(0)...0x10FFFF {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let characterClass = WordSplitter.CharacterClass(scalar)
      let isAssigned = scalar.properties.age != nil
      let expected = isAssigned ? table.classes[Int(value)] : .sign
      if characterClass != expected { Issue.record("U+\(String(value, radix: 16)): \(characterClass)") }
    }
  }
}

/// The classes of all scalars as Python's `regex` has them.
private struct UnicodeClassTable {
  var classes: [WordSplitter.CharacterClass] = []

  init() throws {
    let names: [Character: WordSplitter.CharacterClass] = [
      "s": .whiteSpace, "l": .letter, "n": .number, "-": .sign,
    ]
    var current = WordSplitter.CharacterClass.sign
    let text = String(decoding: try TestData.fixture("unicode-classes.txt"), as: UTF8.self)
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      for run in line.split(separator: " ") {
        let distance = try #require(Int(run.dropLast(), radix: 16))
        classes += repeatElement(current, count: distance)
        current = try #require(run.last.flatMap { names[$0] })
      }
    }
    classes += repeatElement(current, count: 0x110000 - classes.count)
  }
}
