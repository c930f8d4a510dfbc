import TouchstoneModel
import TouchstoneReference

@testable import TouchstoneTokenizer

/// A vocabulary of 256 bytes, then what `merges` make, then `special`.
struct SmallVocabulary {
  var tokenIDs: [String: Int] = [:]
  var mergeLines: [String] = []
  private let special: [String]

  /// Each merge is written in plain text with a space between its parts; `_` stands for a space.
  init(merges: [String] = [], special: [String] = ["<|endoftext|>"]) {
    self.special = special
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

  func tokenizer() throws -> Tokenizer {
    let files = VocabularyFiles(
      ids: Dictionary(uniqueKeysWithValues: tokenIDs.map { (Array($0.utf8), $1) }),
      vocabularyFile: "vocab.json",
      merges: Array(("#version: 0.2\n" + mergeLines.joined(separator: "\n") + "\n").utf8),
      mergesFile: "merges.txt")
    var settings = TokenizerSettings()
    settings.useGPT2Defaults(files.ids)
    settings.otherSpecial += special.map { AddedToken($0, isSpecial: true) }
    return try files.document(settings).tokenizer(settings)
  }

  /// The model within the tokenizer.
  func model() throws -> BytePairModel {
    guard let model = try tokenizer().steps.model as? BytePairModel else {
      throw BadInput(problem: "is no byte-pair model")
    }
    return model
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
