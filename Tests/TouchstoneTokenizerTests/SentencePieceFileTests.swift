import Foundation
import Testing
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneTokenizer

/// SentencePiece model files that are damaged, or hold what is not supported.
@Suite struct SentencePieceFileTests {
  private func refusal(_ bytes: [UInt8]) -> String {
    let error = #expect(throws: BadInput.self) { try SentencePieceFile(bytes) }
    #expect(error?.remedy != nil)
    return (error?.place.map { $0 + ": " } ?? "") + (error?.problem ?? "")
  }

  // MARK: Wire format

  @Test(.clause("TOK-21")) func fieldsThatAreNotKnownAreSkipped() throws {
    var small = SmallSentencePiece()
    let other = WireMessage().number(99, -1).float(98, 1).bytes(97, [1, 2])
      .adding(WireMessage.varint(96 << 3 | 1) + Array(repeating: 7, count: 8))
    small.trainer = other.number(40, 0).number(3, 1)
    small.normalizer = other
    small.more = other
    let file = try SentencePieceFile(small.bytes)
    #expect(file.pieces.count == 8)
    #expect(file.pieces[6].spelling == Array("ab".utf8) && file.pieces[6].score == -1.5)
    #expect(file.addsDummyPrefix && file.removesExtraSpaces && file.escapesSpaces && !file.fallsBackToBytes)
  }

  @Test(
    .clause("TOK-21"),
    arguments: [
      ([0x0A], "byte 1: this is no SentencePiece model: the file ends within a number"),
      ([0x0A, 0x05, 0x0A], "byte 2: this is no SentencePiece model: 5 bytes are announced, and 1 are left"),
      (
        [0x0A] + Array(repeating: 0xFF, count: 9) + [0x02],
        "byte 1: this is no SentencePiece model: a number has more than 64 bits"
      ),
      (
        [0x0A] + Array(repeating: 0xFF, count: 9) + [0x01],
        "byte 11: this is no SentencePiece model: 18446744073709551615 bytes are announced, and 0 are left"
      ),
      ([0x0B], "byte 0: this is no SentencePiece model: a field of the wire type 3 is not read"),
      ([0x02, 0x00], "byte 0: this is no SentencePiece model: no field has this number"),
      ([0x08, 0x01], "byte 0: this is no SentencePiece model: the field 1 is not bytes"),
      (
        [0x0A, 0x02, 0x10, 0x01],
        "byte 2: this is no SentencePiece model: the field 2 is not a number of 32 bits"
      ),
      (
        [0x0A, 0x02, 0x1A, 0x00], "byte 2: this is no SentencePiece model: the field 3 is not a whole number"
      ),
      ([0x1A, 0x02, 0x1A, 0x00], "byte 2: this is no SentencePiece model: the field 3 is not true or false"),
      ([], "holds no piece of a SentencePiece model"),
      (
        Array("IQ== 0\nIg== 1\n".utf8),
        "holds no piece of a SentencePiece model"
      ),
    ] as [([UInt8], String)])
  func aDamagedFileIsRefusedAtItsByte(bytes: [UInt8], sentence: String) {
    #expect(refusal(bytes) == sentence)
  }

  @Test(.clause("TOK-21")) func aFileThatIsCutAnywhereIsRefusedOrWhole() throws {
    for kind in ["spm-t5", "spm-mistral"] {
      let name = kind == "spm-t5" ? "spiece.model" : "tokenizer.model"
      let bytes = [UInt8](try Data(contentsOf: TokenizerKind.folder(kind).appendingPathComponent(name)))
      var wholeCount = 0
      for count in bytes.indices {
        do {
          _ = try SentencePieceFile(Array(bytes.prefix(count)))
          // Between two fields a message may end.
          wholeCount += 1
        } catch {
          #expect(error.remedy != nil)
        }
      }
      #expect(wholeCount < 600)
    }
  }

  /// Whatever the bytes say, the tokenizer is refused, or encodes and decodes.
  @Test(.clause("TOK-21"), arguments: ["spm-t5", "spm-gemma", "spm-mistral", "spm-umt5", "spm-marian"])
  func changedBytesNeverCrash(kind: String) throws {
    let source = TokenizerKind.folder(kind)
    let names = try FileManager.default.contentsOfDirectory(atPath: source.path)
    let name = try #require(names.first { $0.hasSuffix(".model") || $0 == "source.spm" })
    let original = [UInt8](try Data(contentsOf: source.appendingPathComponent(name)))
    let settings = try names.filter { $0.hasSuffix(".json") && $0 != "vectors.json" }.reduce(into: [:]) {
      $0[$1] = try String(contentsOf: source.appendingPathComponent($1), encoding: .utf8)
    }
    var models = [name: original]
    if kind == "spm-marian" {
      models["target.spm"] = [UInt8](try Data(contentsOf: source.appendingPathComponent("target.spm")))
    }
    try SmallSentencePiece.withFolder(models, settings) { folder in
      for seed in 0..<UInt64(isExhaustive ? 2000 : 60) {
        var random = SplitMix64(seed: seed)
        var bytes = original
        // The first bytes are pieces, the last ones the settings and the map.
        for _ in 0...random.next() % 4 {
          let range = random.next() % 2 == 0 ? bytes.indices : bytes.indices.suffix(900)
          bytes[range.lowerBound + Int(random.next() % UInt64(range.count))] = UInt8(
            truncatingIfNeeded: random.next())
        }
        try Data(bytes).write(to: URL(fileURLWithPath: folder + "/" + name))
        do {
          let tokenizer = try Tokenizer(folder: folder)
          let ids = try tokenizer.encode("A LORD, ﬁ① king…  \u{301}早上 [INST]\n\n")
          _ = try tokenizer.decode(ids)
        } catch let error as BadInput {
          #expect(error.remedy != nil, "seed \(seed)")
        }
      }
    }
  }

  // MARK: What it says

  @Test(
    .clause("TOK-21"),
    arguments: [
      (3, "trainer_spec: has the model type WORD, which is not supported (UNIGRAM and BPE are)"),
      (4, "trainer_spec: has the model type CHAR, which is not supported (UNIGRAM and BPE are)"),
      (7, "trainer_spec: has the model type 7, which is not known"),
      (-1, "trainer_spec: has the model type -1, which is not known"),
    ])
  func otherModelTypesAreRefused(type: Int, sentence: String) {
    var small = SmallSentencePiece()
    small.trainer = WireMessage().number(3, type)
    #expect(refusal(small.bytes) == sentence)
  }

  @Test(.clause("TOK-21")) func piecesThatMakeNoSenseAreRefused() {
    var small = SmallSentencePiece()
    small.pieces[4].0 = "b"
    #expect(refusal(small.bytes) == "piece 5: is spelt like the piece 4, \"b\"")
    small = SmallSentencePiece()
    small.pieces[4].1 = .infinity
    #expect(refusal(small.bytes) == "piece 4: has a score that is no number")
    small.pieces[4] = ("", 0, .normal)
    #expect(refusal(small.bytes) == "piece 4: is empty or not UTF-8")
    small = SmallSentencePiece()
    small.pieces[4].2 = .unknown
    #expect(refusal(small.bytes) == "holds not exactly one piece for what is unknown")
    small = SmallSentencePiece()
    small.trainer = WireMessage().number(40, 8)
    #expect(refusal(small.bytes) == "trainer_spec: has the unk_id 8, which no piece has")
    small = SmallSentencePiece()
    small.more = WireMessage().message(1, WireMessage().bytes(1, [0xFF]))
    #expect(refusal(small.bytes) == "piece 8: is empty or not UTF-8")
    small.more = WireMessage().message(1, WireMessage().bytes(1, [0x41]).number(3, 9))
    #expect(refusal(small.bytes) == "piece 8: is of the type 9, which is not known")
  }

  @Test(.clause("TOK-21")) func aCharacterMapThatIsCutOffIsRefused() throws {
    var small = SmallSentencePiece()
    small.normalizer = WireMessage().bytes(2, [0, 4, 0, 0, 1])
    try SmallSentencePiece.withFolder(["tokenizer.model": small.bytes]) { folder in
      let error = #expect(throws: BadInput.self) { try Tokenizer(folder: folder) }
      #expect(error?.file == folder + "/tokenizer.model")
      #expect(error?.place == "normalizer_spec")
      #expect(error?.problem == "holds a character map that is cut off")
    }
  }
}
