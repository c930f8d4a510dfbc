import Testing
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneTokenizer

@Suite struct StreamingDecoderTests {
  @Test(.clause("TOK-8")) func aCharacterAppearsWhenItsLastTokenDoes() throws {
    let tokenizer = try SmallVocabulary().tokenizer()
    var decoder = StreamingDecoder(tokenizer)
    let pieces = try tokenizer.encode("aé€🎭").map { try decoder.append($0) }
    #expect(pieces == ["a", "", "é", "", "", "€", "", "", "", "🎭"])
    #expect(decoder.finish() == "")
  }

  @Test(.clause("TOK-7", "TOK-8")) func whatIsNeverCompletedIsReplacedAtTheEnd() throws {
    let tokenizer = try SmallVocabulary().tokenizer()
    var decoder = StreamingDecoder(tokenizer)
    let pieces = try tokenizer.encode(bytes: [0xF0, 0x9F, 0x8E]).map { try decoder.append($0) }
    #expect(pieces == ["", "", ""])
    #expect(decoder.finish() == "\u{FFFD}")
    #expect(decoder.finish() == "")
  }

  @Test(.clause("TOK-9")) func anIdOutOfRangeLosesNothing() throws {
    let tokenizer = try SmallVocabulary().tokenizer()
    var decoder = StreamingDecoder(tokenizer)
    let ids = try tokenizer.encode("é")
    #expect(try decoder.append(ids[0]) == "")
    #expect(throws: BadInput.self) { try decoder.append(-1) }
    #expect(try decoder.append(ids[1]) == "é")
  }

  @Test(.clause("TOK-8"), arguments: 0..<200 as Range<UInt64>)
  func thePiecesJoinToTheTextOfAllIds(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let tokenizer = try Loaded.shakespeare()
    // Ids of text with others between, and bytes of the kinds that begin and continue characters.
    var ids = try tokenizer.encode(random.text(count: 20))
    for _ in 0..<20 {
      let byte = [0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4].randomElement(
        using: &random)
      ids += try tokenizer.encode(bytes: [UInt8(byte ?? 0)])
      ids.insert(Int.random(in: 0..<512, using: &random), at: Int.random(in: ids.indices, using: &random))
    }
    var decoder = StreamingDecoder(tokenizer)
    var text = ""
    for id in ids { text += try decoder.append(id) }
    text += decoder.finish()
    #expect(Array(text.utf8) == Array(try tokenizer.decode(ids).utf8), "seed \(seed)")
  }
}

@Suite struct UTF8ScalarTests {
  /// Every lead byte, and the others at the edges of what may continue.
  @Test func sequencesAreWellFormedWhenTheStandardLibrarySaysSo() {
    let edges: [UInt8] = [0x7F, 0x80, 0xBF, 0xC0]
    let seconds: [UInt8] = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]
    for lead in UInt8.min...UInt8.max {
      for second in seconds {
        for (third, fourth) in edges.flatMap({ third in edges.map { (third, $0) } }) {
          let bytes = [lead, second, third, fourth]
          let expected = (1...4).lazy.compactMap { String(validating: bytes.prefix($0), as: UTF8.self) }.first
          let scalar = UTF8Scalar(bytes[...])
          if scalar?.value != expected?.unicodeScalars.first?.value || scalar?.length != expected?.utf8.count
          {
            Issue.record("\(bytes)")
          }
        }
      }
    }
  }

  @Test(arguments: [0x61, 0xE9, 0x20AC, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF] as [UInt32])
  func everyProperBeginningOfACharacterIsIncomplete(value: UInt32) throws {
    let bytes = Array(String(try #require(Unicode.Scalar(value))).utf8)
    for count in 0..<bytes.count {
      #expect(UTF8Scalar.incompleteSuffixCount(of: [0x41] + bytes.prefix(count)) == count)
      #expect(UTF8Scalar(bytes.prefix(count)) == nil)
    }
    #expect(UTF8Scalar.incompleteSuffixCount(of: bytes) == 0)
  }
}
