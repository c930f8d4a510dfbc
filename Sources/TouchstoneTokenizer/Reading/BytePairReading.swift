import TouchstoneModel

extension BytePairModel {
  /// The model of `tokenizer.json`.
  ///
  /// - Parameter spellsBytes: whether the words are written in the byte alphabet.
  init(_ json: Component, spellsBytes: Bool) throws(BadInput) {
    if let dropout = json.member("dropout"), dropout.value != .integer(0), dropout.value != .number(0) {
      throw dropout.refusal(
        "leaves merges out at random, which is not supported", remedy: "set it to null")
    }
    let ids = try TokenIDs(json.needed("vocab"))
    var options = Options()
    options.fusesUnknown = try json.bool("fuse_unk", else: false)
    options.fallsBackToBytes = try json.bool("byte_fallback", else: false)
    options.ignoresMerges = try json.bool("ignore_merges", else: false)
    options.continuingPrefix = Array(try json.string("continuing_subword_prefix", else: "").utf8)
    options.wordSuffix = Array(try json.string("end_of_word_suffix", else: "").utf8)
    options.spellsBytes = spellsBytes
    if let unknown = json.member("unk_token") {
      let spelling = Array(try unknown.string.utf8)
      guard let id = ids.byToken[spelling] else {
        throw unknown.refusal("is \(quoted(spelling)), which the vocabulary lacks")
      }
      options.unknownToken = id
    }
    let merges = try Self.merges(json.needed("merges"), ids, prefix: options.continuingPrefix)
    self.init(ids: ids.byToken, merges: merges, options: options)
  }

  /// Merges as `"a b"` or as `["a", "b"]`; of two for one pair the later counts.
  private static func merges(
    _ json: Component, _ ids: TokenIDs, prefix: [UInt8]
  ) throws(BadInput) -> [Pair: Merge] {
    guard let list = json.value.array else { throw json.refusal("is not a list") }
    var merges: [Pair: Merge] = [:]
    merges.reserveCapacity(list.count)
    for (rank, value) in list.enumerated() {
      func refusal(_ problem: String) -> BadInput {
        BadInput(place: "\(json.place)[\(rank)]", problem: problem, remedy: "write the tokenizer again")
      }
      let parts: [[UInt8]]
      if let text = value.string {
        parts = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map(
          Array.init)
      } else {
        parts = value.array?.compactMap { $0.string.map { Array($0.utf8) } } ?? []
      }
      guard parts.count == 2 else { throw refusal("is not two tokens") }
      guard parts[1].starts(with: prefix) else {
        throw refusal("its second token lacks the prefix \(quoted(prefix))")
      }
      let made = parts[0] + parts[1].dropFirst(prefix.count)
      var found: [Int] = []
      for token in [parts[0], parts[1], made] {
        guard let id = ids.byToken[token] else {
          throw refusal("names \(quoted(token)), which the vocabulary lacks")
        }
        found.append(id)
      }
      merges[Pair(left: found[0], right: found[1])] = Merge(rank: rank, token: found[2])
    }
    return merges
  }
}

/// The ids of a vocabulary, no two tokens with one id.
struct TokenIDs {
  /// More than any vocabulary in use; bounds what is made by id.
  static let greatestID = 1 << 24

  let byToken: [[UInt8]: Int]

  /// The object `vocab` of `tokenizer.json`.
  init(_ json: Component) throws(BadInput) {
    guard let members = json.value.members else { throw json.refusal("is not an object of token ids") }
    var byToken: [[UInt8]: Int] = [:]
    var tokens: [Int: [UInt8]] = [:]
    byToken.reserveCapacity(members.count)
    tokens.reserveCapacity(members.count)
    for member in members {
      let (name, value) = (member.name, member.value)
      let token = Array(name.utf8)
      guard let id = value.integer, (0...Self.greatestID).contains(id) else {
        throw json.refusal("gives \(quoted(token)) no id in 0…\(Self.greatestID)")
      }
      if let other = tokens.updateValue(token, forKey: id) {
        let pair = [token, other].sorted { $0.lexicographicallyPrecedes($1) }
        throw json.refusal("gives \(quoted(pair[0])) and \(quoted(pair[1])) the same id, \(id)")
      }
      byToken[token] = id
    }
    guard !byToken.isEmpty else { throw json.refusal("holds no token") }
    self.byToken = byToken
  }
}
