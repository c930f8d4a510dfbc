import TouchstoneModel

/// The tokens of a model, by id and by bytes, and the order in which pairs of them are merged.
struct Vocabulary: Sendable {
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

  /// A token that no text is merged into, recognised by its spelling.
  struct SpecialToken {
    let bytes: [UInt8]
    let id: Int
  }

  /// The bytes of each token: [V].
  let tokens: [[UInt8]]
  let merges: [Pair: Merge]
  /// The longest first.
  let specialTokens: [SpecialToken]
  private let byteTokens: [Int?]
  /// Whether a special token begins with each byte.
  private let beginsSpecialToken: [Bool]

  /// Joins what the files of a tokenizer hold.
  ///
  /// An entry of the vocabulary is one byte, or made by a merge, or special: written `<…>` or `[…]`, or listed in
  /// `addedTokens`. Anything else means that the merge list is not the vocabulary's.
  ///
  /// - Throws: `BadInput` naming the file when the parts contradict each other.
  init(
    tokenIDs: [String: Int], vocabularyFile: String, merges mergesText: [UInt8], mergesFile: String,
    addedTokens: [String: Int] = [:]
  ) throws(BadInput) {
    let table: TokenTable
    do {
      table = try TokenTable(tokenIDs: tokenIDs, addedTokens: addedTokens)
    } catch {
      throw error.inFile(vocabularyFile)
    }
    let merges: [Pair: Merge]
    let special: [Int]
    do {
      merges = try table.merges(mergesText)
      special = try table.specialTokens(merges: merges.values.map(\.token))
    } catch {
      throw error.inFile(mergesFile)
    }
    var tokens = table.tokens
    // A special token is spelt as it is, not in the byte alphabet.
    for id in special { tokens[id] = Array(table.texts[id].utf8) }
    self.tokens = tokens
    self.merges = merges
    self.specialTokens = special.map { SpecialToken(bytes: tokens[$0], id: $0) }
      .sorted { ($1.bytes.count, $0.id) < ($0.bytes.count, $1.id) }
    let beginnings = Set(specialTokens.compactMap(\.bytes.first))
    self.beginsSpecialToken = (UInt8.min...UInt8.max).map(beginnings.contains)
    self.byteTokens = (UInt8.min...UInt8.max).map { table.ids[[$0]] }
  }

  /// The token of a single byte.
  func token(of byte: UInt8) throws(BadInput) -> Int {
    guard let token = byteTokens[Int(byte)] else {
      throw BadInput(
        problem: "the text holds the byte \(byte), for which the tokenizer's vocabulary has no token",
        remedy: "leave that character out")
    }
    return token
  }

  /// The first special token that `bytes` spell, the longest where several start there.
  func firstSpecialToken(in bytes: ArraySlice<UInt8>) -> (range: Range<Int>, id: Int)? {
    var rest = bytes
    while let start = rest.firstIndex(where: { beginsSpecialToken[Int($0)] }) {
      rest = rest[start...]
      if let token = specialTokens.first(where: { rest.starts(with: $0.bytes) }) {
        return (start..<start + token.bytes.count, token.id)
      }
      rest = rest.dropFirst()
    }
    return nil
  }
}
