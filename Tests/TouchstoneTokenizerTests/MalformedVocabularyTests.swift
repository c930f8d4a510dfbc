import Foundation
import Testing
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneTokenizer

@Suite struct MalformedVocabularyTests {
  private static let vocabulary = #"{"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3}"#

  /// Writes the files into a folder of their own, which `body` gets.
  @discardableResult
  private func withFolder<T>(_ files: [String: Data], _ body: (String) throws -> T) throws -> T {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, data) in files { try data.write(to: folder.appendingPathComponent(name)) }
    return try body(folder.path)
  }

  private func message(_ files: [String: String]) throws -> String {
    try withFolder(files.mapValues { Data($0.utf8) }) { folder in
      let error = #expect(throws: BadInput.self) { try Tokenizer(folder: folder) }
      return error?.description.replacingOccurrences(of: folder, with: "FOLDER") ?? ""
    }
  }

  @Test(.clause("TOK-10"), arguments: [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")])
  func bothNamesOfTheFilesAreRead(vocabulary: String, merges: String) throws {
    for text in ["a b", "a b\n", "#version: 0.2\na b\n", "#version: 0.2\r\na b\r\n\r\n"] {
      try withFolder([vocabulary: Data(Self.vocabulary.utf8), merges: Data(text.utf8)]) { folder in
        let ids = try Tokenizer(folder: folder).encode("abb<|endoftext|>")
        #expect(ids == [2, 1, 3])
      }
    }
  }

  @Test func addedTokensAreSpecial() throws {
    let files = [
      "vocab.json": Self.vocabulary, "merges.txt": "a b",
      "added_tokens.json": #"{"bé a": 4, "<|endoftext|>": 3}"#,
    ]
    try withFolder(files.mapValues { Data($0.utf8) }) { folder in
      let tokenizer = try Tokenizer(folder: folder)
      #expect(tokenizer.specialTokens == ["<|endoftext|>": 3, "bé a": 4])
      #expect(try tokenizer.encode("abé a") == [0, 4])
      #expect(try tokenizer.decode([4]) == "bé a")
    }
  }

  @Test(
    .clause("TOK-10"),
    arguments: [
      (["merges.txt": "a b"], "FOLDER: holds neither vocab.json nor encoder.json"),
      (["vocab.json": vocabulary], "FOLDER: holds neither merges.txt nor vocab.bpe"),
      ([:], "FOLDER: holds neither vocab.json nor encoder.json"),
      (["vocab.json": "", "merges.txt": "a b"], "FOLDER/vocab.json: "),
      (["vocab.json": "{", "merges.txt": "a b"], "FOLDER/vocab.json: "),
      (["vocab.json": "[1]", "merges.txt": "a b"], "FOLDER/vocab.json: is not a JSON object of token ids"),
      (["vocab.json": "{}", "merges.txt": "a b"], "FOLDER/vocab.json: holds no token"),
      (
        ["vocab.json": #"{"a": "0"}"#, "merges.txt": ""],
        "FOLDER/vocab.json: is not a JSON object of token ids"
      ),
      (
        ["vocab.json": #"{"a": 0.5}"#, "merges.txt": ""],
        "FOLDER/vocab.json: is not a JSON object of token ids"
      ),
      (
        ["vocab.json": #"{"a": 0, "b": 0}"#, "merges.txt": ""],
        #"FOLDER/vocab.json: "b": has the id 0, and so has "a""#
      ),
      (
        ["vocab.json": #"{"a": 0, "b": 2}"#, "merges.txt": ""],
        #"FOLDER/vocab.json: "b": has the id 2, but 2 tokens have the ids 0…1 without a gap"#
      ),
      (
        ["vocab.json": #"{"a": -9223372036854775808}"#, "merges.txt": ""],
        #"FOLDER/vocab.json: "a": has the id -9223372036854775808, but 1 tokens have the ids 0…0 without a gap"#
      ),
      (
        ["vocab.json": vocabulary, "merges.txt": "a b\nb c"],
        #"FOLDER/merges.txt: line 2: names "c", which the vocabulary lacks"#
      ),
      (
        ["vocab.json": vocabulary, "merges.txt": "a b\nb a"],
        #"FOLDER/merges.txt: line 2: names "ba", which the vocabulary lacks"#
      ),
      (
        ["vocab.json": vocabulary, "merges.txt": "a b\na b"],
        "FOLDER/merges.txt: line 2: repeats an earlier line"
      ),
      (["vocab.json": vocabulary, "merges.txt": "ab"], "FOLDER/merges.txt: line 1: is not two tokens"),
      (["vocab.json": vocabulary, "merges.txt": "a b ab"], "FOLDER/merges.txt: line 1: is not two tokens"),
      (["vocab.json": vocabulary, "merges.txt": "a  b"], "FOLDER/merges.txt: line 1: is not two tokens"),
      (["vocab.json": vocabulary, "merges.txt": "a 中"], "FOLDER/merges.txt: line 1: is not two tokens"),
      (
        ["vocab.json": vocabulary, "merges.txt": "#version: 0.2"],
        #"FOLDER/merges.txt: no line makes the vocabulary's token "ab" (id 2)"#
      ),
      (
        ["vocab.json": #"{"a": 0, "b": 1, "bab": 2, "ab": 3}"#, "merges.txt": "a b"],
        #"FOLDER/merges.txt: no line makes the vocabulary's token "bab" (id 2)"#
      ),
      (
        ["vocab.json": #"{"a": 0, "中": 1}"#, "merges.txt": ""],
        #"FOLDER/merges.txt: no line makes the vocabulary's token "中" (id 1)"#
      ),
      (
        ["vocab.json": #"{"a": 0, "": 1}"#, "merges.txt": ""],
        #"FOLDER/merges.txt: no line makes the vocabulary's token "" (id 1)"#
      ),
      (
        ["vocab.json": vocabulary, "merges.txt": "a b", "added_tokens.json": #"{"": 4}"#],
        "FOLDER/merges.txt: the added token of id 4 is empty"
      ),
      (
        ["vocab.json": vocabulary, "merges.txt": "a b", "added_tokens.json": #"{"a": 4}"#],
        #"FOLDER/vocab.json: "a": has another id in the list of added tokens, 4"#
      ),
    ] as [([String: String], String)])
  func whatIsWrongIsSaidInOneSentence(files: [String: String], beginning: String) throws {
    let message = try message(files)
    #expect(message.hasPrefix(beginning), "\(message)")
    #expect(!message.contains("\n") && message.contains("; "))
  }

  @Test func bytesThatAreNotTextAreRefused() throws {
    try withFolder(["vocab.json": Data([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x30, 0x7D]), "merges.txt": Data()]) {
      folder in
      #expect(throws: BadInput.self) { try Tokenizer(folder: folder) }
    }
    try withFolder(["vocab.json": Data(Self.vocabulary.utf8), "merges.txt": Data([0x61, 0x20, 0xFF])]) {
      folder in
      let error = #expect(throws: BadInput.self) { try Tokenizer(folder: folder) }
      #expect(error?.problem == "is not UTF-8")
    }
  }

  @Test func aFolderThatIsNotThereIsNamed() {
    let error = #expect(throws: BadInput.self) { try Tokenizer(folder: "/nowhere/at all") }
    #expect(error?.file == "/nowhere/at all")
    #expect(error?.problem == "is not a folder that can be read")
  }

  @Test func whatIsNoFileIsRefusedUnread() throws {
    try withFolder(["merges.txt": Data()]) { folder in
      try FileManager.default.createSymbolicLink(
        atPath: folder + "/vocab.json", withDestinationPath: "/dev/zero")
      let error = #expect(throws: BadInput.self) { try Tokenizer(folder: folder) }
      #expect(error?.problem == "is not a regular file")
    }
  }

  @Test func aHugeFileIsRefusedUnread() throws {
    try withFolder(["vocab.json": Data(), "merges.txt": Data()]) { folder in
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/vocab.json"))
      try file.truncate(atOffset: 1 << 33)
      try file.close()
      let error = #expect(throws: BadInput.self) { try Tokenizer(folder: folder) }
      #expect(error?.problem == "is larger than 64 MiB")
    }
  }

  /// What a damaged byte leaves is refused, or is another vocabulary that still encodes and decodes.
  @Test(arguments: 0..<300 as Range<UInt64>)
  func aDamagedByteIsRefusedOrHarmless(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var files: [String: Data] = [:]
    for name in ["vocab.json", "merges.txt"] {
      files[name] = try Data(contentsOf: TestData.shakespeare.appendingPathComponent(name))
    }
    let damaged = seed.isMultiple(of: 2) ? "vocab.json" : "merges.txt"
    let offset = Int.random(in: 0..<(files[damaged]?.count ?? 0), using: &random)
    files[damaged]?[offset] = UInt8.random(in: 0...255, using: &random)
    try withFolder(files) { folder in
      do {
        let tokenizer = try Tokenizer(folder: folder)
        let bytes = random.bytes(count: 100) + Array("Good morrow, cousin.".utf8)
        let ids = try tokenizer.encode(bytes: bytes)
        let decoded = try tokenizer.bytes(of: ids)
        #expect(decoded == bytes, "seed \(seed)")
      } catch let error as BadInput {
        #expect(!error.description.contains("\n"), "seed \(seed)")
      }
    }
  }

  /// The same for `tokenizer.json`: a damaged byte is refused by one sentence, or changes only what it says.
  @Test(arguments: 0..<300 as Range<UInt64>)
  func aDamagedByteOfTheOneFileIsRefusedOrHarmless(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let kinds = TokenizerKind.all.filter { !$0.hasPrefix("spm-") }
    let kind = kinds[Int(seed) % kinds.count]
    guard !kind.hasSuffix("-files") else { return }
    var data = try Data(contentsOf: TokenizerKind.folder(kind).appendingPathComponent("tokenizer.json"))
    // Half of them before the vocabulary, where the steps are.
    let steps = data.range(of: Data(#""vocab""#.utf8))?.lowerBound ?? data.count
    let offset = Int.random(in: 0..<(seed.isMultiple(of: 2) ? steps : data.count), using: &random)
    data[offset] = UInt8.random(in: 0x20...0x7E, using: &random)
    try withFolder(["tokenizer.json": data]) { folder in
      do {
        let tokenizer = try Tokenizer(folder: folder)
        let ids = try tokenizer.encode(bytes: random.bytes(count: 100) + Array("Good morrow, cousin.".utf8))
        _ = try tokenizer.decode(ids)
      } catch let error as BadInput {
        #expect(!error.description.contains("\n"), "seed \(seed)")
      }
    }
  }

  /// Every prefix of good files is refused or, where only the end of a merge list is lost, named as incomplete.
  @Test func noBeginningOfTheFilesIsTakenForTheWhole() throws {
    let vocabulary = try Data(contentsOf: TestData.shakespeare.appendingPathComponent("vocab.json"))
    let merges = try Data(contentsOf: TestData.shakespeare.appendingPathComponent("merges.txt"))
    for length in stride(from: 0, to: merges.count - 1, by: 97) {
      try withFolder(["vocab.json": vocabulary, "merges.txt": merges.prefix(length)]) { folder in
        #expect(throws: BadInput.self) { try Tokenizer(folder: folder) }
      }
    }
    for length in stride(from: 0, to: vocabulary.count - 1, by: 499) {
      try withFolder(["vocab.json": vocabulary.prefix(length), "merges.txt": merges]) { folder in
        #expect(throws: BadInput.self) { try Tokenizer(folder: folder) }
      }
    }
  }
}
