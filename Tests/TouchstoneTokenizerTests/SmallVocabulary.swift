import TouchstoneReference

@testable import TouchstoneTokenizer

/// A vocabulary of 256 bytes, then what `merges` make, then `special`.
struct SmallVocabulary {
  var tokenIDs: [String: Int] = [:]
  var mergeLines: [String] = []

  /// Each merge is written in plain text with a space between its parts; `_` stands for a space.
  init(merges: [String] = [], special: [String] = ["<|endoftext|>"]) {
    for byte in UInt8.min...UInt8.max { add(ByteAlphabet.text(of: [byte])) }
    for merge in merges {
      let parts = merge.split(separator: " ").map { part in
        ByteAlphabet.text(of: part.utf8.map { $0 == UInt8(ascii: "_") ? UInt8(ascii: " ") : $0 })
      }
      mergeLines.append(parts.joined(separator: " "))
      add(parts.joined())
    }
    special.forEach { add($0) }
  }

  private mutating func add(_ token: String) {
    if tokenIDs[token] == nil { tokenIDs[token] = tokenIDs.count }
  }

  func vocabulary() throws -> Vocabulary {
    try Vocabulary(
      tokenIDs: tokenIDs, vocabularyFile: "vocab.json",
      merges: Array(("#version: 0.2\n" + mergeLines.joined(separator: "\n") + "\n").utf8),
      mergesFile: "merges.txt")
  }

  func tokenizer() throws -> Tokenizer {
    Tokenizer(vocabulary: try vocabulary())
  }
}

/// Random bytes and texts for property tests.
extension SplitMix64 {
  mutating func bytes(count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }

  /// Characters of every class that the splitting pattern tells apart, of one to four bytes, often repeated.
  mutating func text(count: Int) -> String {
    let characters = Array(
      " \t\n\r\u{0B}\u{85}\u{A0}\u{3000}\u{180E}'''strevmlldS.,!é中ß٣Ⅷ½²🎭\u{301}\u{200D}<|>0 9 a"
        .unicodeScalars)
    var text = String.UnicodeScalarView()
    for _ in 0..<count {
      let scalar = characters[Int.random(in: characters.indices, using: &self)]
      for _ in 0..<Int.random(in: 1...3, using: &self) { text.append(scalar) }
    }
    return String(text)
  }
}
