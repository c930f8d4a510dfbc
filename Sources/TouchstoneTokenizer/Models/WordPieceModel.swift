import TouchstoneModel

/// WordPiece (Schuster & Nakajima 2012, as BERT has it): the longest token that a word begins with, then the longest that
/// goes on, until the word is spelt; a word that cannot be is one unknown token.
struct WordPieceModel: TokenModel {
  let spellings: [Int: [UInt8]]
  /// Stands before the spelling of every token but the first of a word.
  let continuingPrefix: [UInt8]
  private let ids: [[UInt8]: Int]
  private let unknownToken: Int
  /// A word of more characters is unknown.
  private let greatestWordLength: Int
  /// The bytes of the longest token.
  private let greatestTokenLength: Int

  /// Reads the model of `tokenizer.json`.
  init(_ json: Component) throws(BadInput) {
    ids = try TokenIDs(json.needed("vocab")).byToken
    let unknown = Array(try json.string("unk_token", else: "[UNK]").utf8)
    guard let id = ids[unknown] else {
      throw json.refusal("has the unknown token \(quoted(unknown)), which the vocabulary lacks")
    }
    unknownToken = id
    continuingPrefix = Array(try json.string("continuing_subword_prefix", else: "##").utf8)
    greatestWordLength =
      try json.member("max_input_chars_per_word").map { json throws(BadInput) in try json.integer } ?? 100
    spellings = Dictionary(uniqueKeysWithValues: ids.map { ($1, $0) })
    greatestTokenLength = ids.keys.map(\.count).max() ?? 0
  }

  func id(of spelling: [UInt8]) -> Int? { ids[spelling] }

  func ids(of word: ArraySlice<UInt8>) throws(BadInput) -> [Int] {
    guard Self.characterCount(word) <= greatestWordLength else { return [unknownToken] }
    var tokens: [Int] = []
    var start = word.startIndex
    while start < word.endIndex {
      let prefix = start == word.startIndex ? [] : continuingPrefix
      var end = min(word.endIndex, start + greatestTokenLength)
      var found: Int?
      while end > start {
        found = ids[prefix + word[start..<end]]
        if found != nil { break }
        end -= 1
      }
      guard let found else { return [unknownToken] }
      tokens.append(found)
      start = end
    }
    return tokens
  }

  /// Bytes that begin a character.
  private static func characterCount(_ word: ArraySlice<UInt8>) -> Int {
    word.count { $0 & 0xC0 != 0x80 }
  }
}
