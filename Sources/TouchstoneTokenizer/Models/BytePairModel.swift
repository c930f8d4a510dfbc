import TouchstoneModel

/// Byte-pair encoding (Sennrich, Haddow & Birch 2016): the characters of a word are joined pair by pair.
struct BytePairModel: TokenModel {
  /// Two neighbouring tokens.
  struct Pair: Hashable {
    let left: Int
    let right: Int
  }

  /// What a pair is merged into; lower ranks first.
  struct Merge {
    let rank: Int
    let token: Int
  }

  /// What happens with characters that have no token, and what else a file may choose.
  struct Options: Sendable {
    /// The token for a character without one.
    var unknownToken: Int?
    /// Whether unknown characters in a row are one token.
    var fusesUnknown = false
    /// Whether a character without a token is spelt by the tokens `<0x00>` to `<0xFF>`.
    var fallsBackToBytes = false
    /// Whether a word that is a token is taken as it is.
    var ignoresMerges = false
    /// Stands before the spelling of every character but the first of a word.
    var continuingPrefix: [UInt8] = []
    /// Stands behind the spelling of the last character of a word.
    var wordSuffix: [UInt8] = []
    /// Whether all pairs of one rank are merged before a pair that arises (GPT-2's `encoder.py`).
    ///
    /// Otherwise the lowest rank is merged at each step. The two differ only where a merge stands before those of its
    /// parts.
    var mergesWholeRanks = false
    /// Whether the characters are those of the byte alphabet.
    var spellsBytes = false
  }

  let spellings: [Int: [UInt8]]
  let merges: [Pair: Merge]
  let options: Options
  private let ids: [[UInt8]: Int]
  /// The tokens of one character, by its value.
  private let characters: [UInt32: Int]
  /// The same for the first characters, which are most of any text.
  private let firstCharacters: [Int?]
  /// The tokens `<0x00>` to `<0xFF>`.
  private let byteTokens: [Int?]

  init(ids: [[UInt8]: Int], merges: [Pair: Merge], options: Options) {
    self.ids = ids
    self.merges = merges
    self.options = options
    self.spellings = Dictionary(uniqueKeysWithValues: ids.map { ($1, $0) })
    var characters: [UInt32: Int] = [:]
    for (spelling, id) in ids {
      if let scalar = UTF8Scalar(spelling[...]), scalar.length == spelling.count {
        characters[scalar.value] = id
      }
    }
    self.characters = characters
    self.firstCharacters = (0..<UInt32(0x180)).map { characters[$0] }
    self.byteTokens = (UInt8.min...UInt8.max).map { ids[Array(ByteFallback.spelling(of: $0).utf8)] }
  }

  func id(of spelling: [UInt8]) -> Int? { ids[spelling] }

  func ids(of word: ArraySlice<UInt8>) throws(BadInput) -> [Int] {
    if options.ignoresMerges, let id = ids[Array(word)] { return [id] }
    var merging = MergingWord(try characterTokens(of: word))
    return merging.merged(by: self)
  }

  /// The tokens of the word's characters, before any are merged.
  private func characterTokens(of word: ArraySlice<UInt8>) throws(BadInput) -> [Int] {
    var tokens: [Int] = []
    tokens.reserveCapacity(word.count)
    var isUnknownPending = false
    var position = word.startIndex
    while position < word.endIndex {
      let scalar = UTF8Scalar(word[position...])
      let end = position + (scalar?.length ?? 1)
      defer { position = end }
      if let token = token(of: word[position..<end], scalar, in: word) {
        if isUnknownPending, let unknown = options.unknownToken { tokens.append(unknown) }
        isUnknownPending = false
        tokens.append(token)
        continue
      }
      // What is unknown waits for what follows it, bytes excepted: so do the library's tokens.
      if let bytes = bytes(of: word[position..<end], in: word) {
        tokens += bytes
        continue
      }
      guard let unknown = options.unknownToken else { throw noToken(word[position..<end], scalar) }
      if isUnknownPending, !options.fusesUnknown { tokens.append(unknown) }
      isUnknownPending = true
    }
    if isUnknownPending, let unknown = options.unknownToken { tokens.append(unknown) }
    return tokens
  }

  private func token(of character: ArraySlice<UInt8>, _ scalar: UTF8Scalar?, in word: ArraySlice<UInt8>)
    -> Int?
  {
    if options.continuingPrefix.isEmpty, options.wordSuffix.isEmpty {
      guard let scalar else { return nil }
      return scalar.value < firstCharacters.count
        ? firstCharacters[Int(scalar.value)] : characters[scalar.value]
    }
    return ids[spelling(of: character, in: word)]
  }

  private func bytes(of character: ArraySlice<UInt8>, in word: ArraySlice<UInt8>) -> [Int]? {
    guard options.fallsBackToBytes else { return nil }
    var tokens: [Int] = []
    for byte in spelling(of: character, in: word) {
      guard let token = byteTokens[Int(byte)] else { return nil }
      tokens.append(token)
    }
    return tokens
  }

  private func spelling(of character: ArraySlice<UInt8>, in word: ArraySlice<UInt8>) -> [UInt8] {
    (character.startIndex == word.startIndex ? [] : options.continuingPrefix) + character
      + (character.endIndex == word.endIndex ? options.wordSuffix : [])
  }

  private func noToken(_ character: ArraySlice<UInt8>, _ scalar: UTF8Scalar?) -> BadInput {
    let byte = scalar.flatMap { Unicode.Scalar($0.value) }.flatMap { ByteAlphabet.bytes(of: [$0])?.first }
    let name =
      options.spellsBytes
      ? "byte \(byte ?? character.first ?? 0)"
      : scalar.map { "character U+" + $0.hexadecimal } ?? "byte \(character.first ?? 0)"
    return BadInput(
      problem: "the text holds the \(name), for which the tokenizer's vocabulary has no token",
      remedy: "leave that character out")
  }
}

/// The tokens that stand for single bytes in vocabularies made of characters.
enum ByteFallback {
  /// How the token of a byte is spelt: `<0x0A>`.
  static func spelling(of byte: UInt8) -> String {
    "<0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true) + ">"
  }

  /// The byte that a token stands for; nil where it stands for none.
  static func byte(of spelling: [UInt8]) -> UInt8? {
    guard spelling.count == 6, spelling.starts(with: "<0x".utf8), spelling[5] == UInt8(ascii: ">") else {
      return nil
    }
    return UInt8(String(decoding: spelling[3..<5], as: UTF8.self), radix: 16)
  }
}

extension UTF8Scalar {
  /// Its value as Unicode writes it: four digits or more.
  fileprivate var hexadecimal: String {
    let digits = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
