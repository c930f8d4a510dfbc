import Foundation
import Testing
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneTokenizer

@Suite struct PatternTests {
  private func matches(_ expression: String, _ text: String) throws -> [String] {
    let bytes = Array(text.utf8)
    return try Pattern(expression).parts(of: bytes[...]).filter(\.isMatch).map {
      String(decoding: bytes[$0.range], as: UTF8.self)
    }
  }

  /// What Oniguruma 6.9 finds, tried by `tokenizers.pre_tokenizers.Split` 0.23.3.
  @Test(
    .clause("TOK-12"),
    arguments: [
      (#"\p{N}{1,3}"#, "12345678", ["123", "456", "78"]),
      // After an interval, + repeats what the interval takes.
      (#"\p{N}{1,3}+"#, "12345678", ["12345678"]),
      (#"(?i:'s|'t)"#, "a'ſb'Sc's", ["'ſ", "'S", "'s"]),
      (#"(?i:k)"#, "Kk\u{212A}x", ["K", "k", "\u{212A}"]),
      (#"(?i:[k-m])"#, "K\u{212A}n", ["K", "\u{212A}"]),
      (#"(?i:[^k])"#, "Kkx", ["x"]),
      (#"(?i)ab|cd"#, "AB CD", ["AB", "CD"]),
      (#"\s+$"#, "a  \nb  ", ["  ", "  "]),
      (#"^b"#, "a\nb", ["b"]),
      (#"a\z"#, "aa", ["a"]),
      (#"a\Z"#, "a\n", ["a"]),
      (#"\Aa"#, "aa", ["a"]),
      (#"\bfoo\b"#, "foo foobar", ["foo"]),
      (#" ?[^(\s|[.,!?…。，、।۔،])]+"#, "Hello, wor|ld (foo) bar.", ["Hello", " wor", "ld", "foo", " bar"]),
      (#"\d+"#, "a١2½", ["١2"]),
      (#"\w+"#, "a_b é-x\u{200D}٣", ["a_b", "é", "x", "٣"]),
      (#".+"#, "a\nb\r\nc\u{2028}d", ["a", "b\r", "c\u{2028}d"]),
      (#"[a-z&&[^c]]+"#, "abcde", ["ab", "de"]),
      (#"\p{^L}+"#, "ab12", ["12"]),
      (#"\P{L}+"#, "ab12", ["12"]),
      (#"a{,2}"#, "aaaa", ["aa", "aa"]),
      (#"a{2"#, "aa{2", ["a{2"]),
      (#"a++a"#, "aaa", []),
      (#"a+?a"#, "aaa", ["aa"]),
      (#"a{1,2}?"#, "aaa", ["a", "a", "a"]),
      (#"(?>a+)b"#, "aab", ["aab"]),
      (#"(?:ab){2}"#, "ababab", ["abab"]),
      (#"(?:ab|a)*c"#, "abaac", ["abaac"]),
      (#"(?:ab)*?c"#, "ababc", ["ababc"]),
      (#"[]a]+"#, "]a", ["]a"]),
      (#"[^]a]+"#, "]ab", ["b"]),
      (#"[a-]+"#, "a-b", ["a-"]),
      (#"[\w-]+"#, "a-b", ["a-b"]),
      (#"\x{4e00}|\u4e8c|\x41"#, "一二A", ["一", "二", "A"]),
      (#"x(?=y)"#, "xyx", ["x"]),
      (#"\s+(?!\S)|\s+"#, "a   b ", ["  ", " ", " "]),
      (#"'(?i:[sdmt]|ll|ve|re)"#, "I'LL he's", ["'LL", "'s"]),
      (#"\/\-\."#, "/-.", ["/-."]),
      (#"é"#, "e\u{301}é", ["é"]),
    ])
  func theMatchesAreThoseOfOniguruma(expression: String, text: String, expected: [String]) throws {
    #expect(try matches(expression, text).map { Array($0.utf8) } == expected.map { Array($0.utf8) })
  }

  @Test(.clause("TOK-12")) func anEmptyMatchStandsWhereNoOtherEnds() throws {
    let bytes = Array("axxb".utf8)
    let ranges = try Pattern("x*").parts(of: bytes[...]).map { ($0.range, $0.isMatch) }
    #expect(ranges.map(\.0) == [0..<0, 0..<1, 1..<3, 3..<4, 4..<4])
    #expect(ranges.map(\.1) == [true, false, true, false, true])
  }

  @Test(
    .clause("TOK-12"),
    arguments: [
      #"(?<=a)b"#, #"(?<!a)b"#, #"(?<name>a)"#, #"(a)\1"#, #"\p{Han}"#, #"[[:alpha:]]"#, #"\h"#, #"\R"#,
      #"\X"#,
      #"\k<a>"#, #"(?m:.)"#, #"(?x: a)"#, "(a", "a)", "[a", "*a", #"\p{L"#, #"a\"#, "(?:a*)*", #"\b+"#,
      "a{3,1}",
      "[b-a]", #"\xZZ"#, #"\x{110000}"#, "(?:(?:a{1000}){1000}){1000}", String(repeating: "(", count: 60),
    ])
  func whatIsNotReadIsRefusedByName(expression: String) throws {
    let error = #expect(throws: BadInput.self) { try Pattern(expression) }
    #expect(error?.problem.hasPrefix("has a pattern with ") == true, "\(error?.problem ?? "")")
    #expect(error?.problem.hasSuffix("which is not supported") == true, "\(error?.problem ?? "")")
  }

  @Test func aPatternThatTakesTooLongIsGivenUp() throws {
    let pattern = try Pattern("(?:a+)+b")
    let text = Array(repeating: UInt8(ascii: "a"), count: 60)
    let error = #expect(throws: BadInput.self) { try pattern.parts(of: text[...]) }
    #expect(error?.problem.contains("takes too long") == true)
  }

  /// The runs of one character are not the depth of a recursion.
  @Test func aRunOfAMillionCharactersIsOneMatch() throws {
    let text = Array(repeating: UInt8(ascii: "a"), count: 1_000_000)
    #expect(try Pattern(#" ?\p{L}+|\s+(?!\S)"#).parts(of: text[...]).count == 1)
    #expect(try Pattern("(?:a|b)+").parts(of: text.prefix(100_000)).count == 1)
  }

  private static let gpt2 = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  @Test(.clause("TOK-3", "TOK-12"), arguments: 0..<200 as Range<UInt64>)
  func gpt2sPatternSplitsAsItsOwnSplitterDoes(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let bytes = Array(random.text(count: 30).utf8) + random.bytes(count: Int(seed % 20))
    var splitter = WordSplitter(bytes[...])
    var words: [[UInt8]] = []
    while let word = splitter.next() { words.append(Array(word)) }
    let parts = try Pattern(Self.gpt2).parts(of: bytes[...])
    #expect(parts.map { Array(bytes[$0.range]) } == words, "seed \(seed)")
  }

  private static let families = [
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\p{White_Space}\p{L}\p{N}]+[\r\n]*"#
      + #"|\p{White_Space}*[\r\n]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+"#,
    #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#
      + #"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"#
      + #"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"#
      + #"| ?[^\p{White_Space}\p{L}\p{N}]+[\r\n/]*|\p{White_Space}*[\r\n]+"#
      + #"|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+"#,
  ]

  /// A second engine, ICU, on the patterns of Llama 3 and of o200k; its `\s` is narrower.
  @Test(.clause("TOK-12"), arguments: families, 0..<100 as Range<UInt64>)
  func thePatternsOfFamiliesSplitAsInAnotherEngine(expression: String, seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let text = random.text(count: 40)
    let other = try NSRegularExpression(pattern: expression)
    let expected = other.matches(in: text, range: NSRange(text.startIndex..., in: text)).map {
      (text as NSString).substring(with: $0.range)
    }
    let ours = expression.replacingOccurrences(of: #"\p{White_Space}"#, with: #"\s"#)
      .replacingOccurrences(of: #"\P{White_Space}"#, with: #"\S"#)
    #expect(try matches(ours, text).map { Array($0.utf8) } == expected.map { Array($0.utf8) }, "seed \(seed)")
  }

  @Test(
    .clause("TOK-12"),
    arguments: [
      (SplitBehavior.isolated, ["a", "-", "-", "b", "-"]), (.removed, ["a", "b"]),
      (.mergedWithPrevious, ["a-", "-", "b-"]), (.mergedWithNext, ["a", "-", "-b", "-"]),
      (.contiguous, ["a", "--", "b", "-"]),
    ])
  func matchesGoWhereTheBehaviourSays(behavior: SplitBehavior, expected: [String]) throws {
    let bytes = Array("a--b-".utf8)
    let ranges = behavior.ranges(of: try Pattern("-").parts(of: bytes[...]))
    #expect(ranges.map { String(decoding: bytes[$0], as: UTF8.self) } == expected)
  }
}
