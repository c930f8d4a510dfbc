import Foundation
import Testing
import TouchstoneModel

@Suite struct JSONTests {
  @Test(arguments: [
    ("null", JSONValue.null), ("true", .bool(true)), (" false\n", .bool(false)),
    ("0", .integer(0)), ("-0", .integer(0)), ("42", .integer(42)), ("-7", .integer(-7)),
    ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
    ("9223372036854775808", .number(0x1p63)), ("1.0", .number(1)), ("1e-05", .number(1e-5)),
    ("2E+2", .number(200)), ("-0.5", .number(-0.5)),
    (#""""#, .string("")), (#""a\"\\\/\b\f\n\r\t""#, .string("a\"\\/\u{8}\u{c}\n\r\t")),
    (#""\u0120\ud83d\ude00""#, .string("Ġ😀")), ("\"Ġ😀\"", .string("Ġ😀")), ("\"\u{7f}\"", .string("\u{7f}")),
    ("[]", .array([])), ("[ 1 , [2] ]", .array([.integer(1), .array([.integer(2)])])),
    ("{}", .object([:])), (#"{ "a" : {"b":null} }"#, .object(["a": .object(["b": .null])])),
  ])
  func whatIsJSONIsRead(text: String, value: JSONValue) throws {
    #expect(try JSONValue.parse(Data(text.utf8), file: "f") == value)
  }

  @Test(arguments: [
    "", " ", "nul", "nulll", "True", "NaN", "Infinity", "01", "-", "+1", ".5", "1.", "1e", "1e+", "1e999",
    "0x10",
    "\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u+123\"", "\"\\ud83d\"", "\"\\ud83d\\n\"",
    "\"\\ude00\"",
    "\"\n\"", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "{a:1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
    "{1:2}",
    "{} {}", "1 2", "// x\n1", "{\"a\":1]", "[1}", "\u{0}",
  ])
  func whatIsNotJSONIsRefused(text: String) {
    #expect(throws: BadInput.self) { try JSONValue.parse(Data(text.utf8), file: "f") }
  }

  @Test func aStringThatIsNotUTF8IsRefused() {
    #expect(throws: BadInput.self) { try JSONValue.parse(Data([0x22, 0xff, 0x22]), file: "f") }
  }

  @Test func aMemberGivenTwiceIsRefusedByName() {
    let text = Data(#"{"a": 1, "b": {"n": 1, "\u006e": 2}}"#.utf8)
    let error = #expect(throws: BadInput.self) { try JSONValue.parse(text, file: "f.json") }
    #expect(error?.description.contains(#"the member "n" is given twice"#) == true)
    #expect(error?.file == "f.json")
  }

  @Test func nestingIsReadToTheLimitAndRefusedBeyond() throws {
    func nested(_ depth: Int) -> Data {
      Data((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
    }
    #expect(throws: Never.self) { try JSONValue.parse(nested(JSONValue.greatestDepth), file: "f") }
    for depth in [JSONValue.greatestDepth + 1, 1_000_000] {
      #expect(throws: BadInput.self) { try JSONValue.parse(nested(depth), file: "f") }
    }
    let objects = Data(String(repeating: "{\"a\":", count: 1_000_000).utf8)
    #expect(throws: BadInput.self) { try JSONValue.parse(objects, file: "f") }
  }

  @Test(arguments: ["", "plain", "q\"b\\s/", "\u{0}\u{1f}\u{7f}", "Ġ😀\u{2028}"])
  func aQuotedStringReadsBack(text: String) throws {
    #expect(try JSONValue.parse(Data(JSONValue.quoted(text).utf8), file: "f") == .string(text))
  }

  /// Two spellings of é are one key of a dictionary and two names of an object.
  @Test func namesThatAreEqualButForTheirSpellingAreApart() throws {
    let text = #"{"\u00e9": 1, "e\u0301": 2, "a": 3}"#
    let members = try #require(try JSONValue.parse(Data(text.utf8)).members)
    let spelt = Dictionary(uniqueKeysWithValues: members.map { (Array($0.name.utf8), $0.value) })
    #expect(spelt == [[0xC3, 0xA9]: .integer(1), [0x65, 0xCC, 0x81]: .integer(2), [0x61]: .integer(3)])
    for twice in [#"{"é": 1, "é": 2}"#, #"{"\u00e9": 1, "e\u0301": 2, "e\u0301": 3}"#] {
      #expect(throws: BadInput.self) { try JSONValue.parse(Data(twice.utf8)) }
    }
  }

  @Test func aByteOrderMarkIsSkippedOrNamed() throws {
    #expect(try JSONValue.parse(Data("\u{FEFF}[1]".utf8)) == .array([.integer(1)]))
    let error = #expect(throws: BadInput.self) { try JSONValue.parse(Data("\u{FEFF}]".utf8), file: "f") }
    #expect(error?.place == "byte 3")
    for mark: [UInt8] in [[0xFF, 0xFE], [0xFE, 0xFF], [0, 0, 0xFE, 0xFF]] {
      let error = #expect(throws: BadInput.self) {
        try JSONValue.parse(Data(mark + [0x5B, 0x5D]), file: "f")
      }
      #expect(error?.file == "f" && error?.problem.contains("byte order mark of UTF-") == true)
    }
  }
}
