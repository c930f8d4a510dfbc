import TouchstoneModel

/// The entries of a vocabulary file, checked: while a tokenizer is loaded.
struct TokenTable {
  /// Each token as the file spells it: [V].
  let texts: [String]
  /// Each token's bytes; empty where the spelling is not in the byte alphabet: [V].
  let tokens: [[UInt8]]
  /// The id of each token in the byte alphabet.
  let ids: [[UInt8]: Int]
  private let added: Set<Int>

  /// Checks that every id from 0 on has one token.
  init(tokenIDs: [String: Int], addedTokens: [String: Int]) throws(BadInput) {
    let disagreeing = addedTokens.filter { (tokenIDs[$0.key] ?? $0.value) != $0.value }
    if let (token, id) = disagreeing.min(by: { $0.value < $1.value }) {
      throw BadInput(
        place: quoted(token), problem: "has another id in the list of added tokens, \(id)",
        remedy: "correct one of the two")
    }
    let all = tokenIDs.merging(addedTokens) { first, _ in first }
    guard !all.isEmpty else {
      throw BadInput(problem: "holds no token", remedy: "give the model's own vocabulary")
    }
    var texts = [String?](repeating: nil, count: all.count)
    for (token, id) in all.sorted(by: { ($0.value, $0.key) < ($1.value, $1.key) }) {
      guard texts.indices.contains(id) else {
        throw BadInput(
          place: quoted(token),
          problem: "has the id \(id), but \(all.count) tokens have the ids 0…\(all.count - 1) without a gap",
          remedy: "give the model's own vocabulary")
      }
      if let other = texts[id] {
        throw BadInput(
          place: quoted(token), problem: "has the id \(id), and so has \(quoted(other))",
          remedy: "give the model's own vocabulary")
      }
      texts[id] = token
    }
    self.texts = texts.compactMap { $0 }
    self.tokens = self.texts.map { ByteAlphabet.bytes(of: $0.unicodeScalars) ?? [] }
    self.added = Set(addedTokens.values)
    self.ids = Dictionary(zip(tokens, tokens.indices), uniquingKeysWith: { first, _ in first })
  }

  /// Reads a merge list: two tokens a line, the first line of rank 0; a first line `#version…` is skipped.
  func merges(_ text: [UInt8]) throws(BadInput) -> [Vocabulary.Pair: Vocabulary.Merge] {
    var merges: [Vocabulary.Pair: Vocabulary.Merge] = [:]
    var number = 0
    for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      if line.isEmpty || number == 1 && line.starts(with: "#version".utf8) { continue }
      let (pair, token) = try merge(line, place: "line \(number)")
      let merge = Vocabulary.Merge(rank: merges.count, token: token)
      guard merges.updateValue(merge, forKey: pair) == nil else {
        throw BadInput(
          place: "line \(number)", problem: "repeats an earlier line",
          remedy: "give the model's own merge list")
      }
    }
    return merges
  }

  private func merge(
    _ line: ArraySlice<UInt8>, place: String
  ) throws(BadInput) -> (Vocabulary.Pair, token: Int) {
    guard let text = String(validating: line, as: UTF8.self) else {
      throw BadInput(place: place, problem: "is not UTF-8", remedy: "fetch the file again")
    }
    let parts = text.unicodeScalars.split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 2, let first = ByteAlphabet.bytes(of: parts[0]), !first.isEmpty,
      let second = ByteAlphabet.bytes(of: parts[1]), !second.isEmpty
    else {
      throw BadInput(
        place: place, problem: "is not two tokens with a space between", remedy: "fetch the file again")
    }
    func id(_ bytes: [UInt8]) throws(BadInput) -> Int {
      guard let id = ids[bytes] else {
        throw BadInput(
          place: place, problem: "names \(quoted(ByteAlphabet.text(of: bytes))), which the vocabulary lacks",
          remedy: "give the merge list and the vocabulary of one model")
      }
      return id
    }
    return (Vocabulary.Pair(left: try id(first), right: try id(second)), token: try id(first + second))
  }

  /// The ids that are neither one byte nor among `made`, the tokens that merges make.
  func specialTokens(merges made: [Int]) throws(BadInput) -> [Int] {
    let made = Set(made)
    let special = tokens.indices.filter { added.contains($0) || tokens[$0].count != 1 && !made.contains($0) }
    for id in special where !added.contains(id) && !isWrittenAsSpecial(texts[id]) {
      throw BadInput(
        problem: "no line makes the vocabulary's token \(quoted(texts[id])) (id \(id))",
        remedy: "give the whole merge list of the same model")
    }
    if let id = special.first(where: { texts[$0].isEmpty }) {
      throw BadInput(problem: "the added token of id \(id) is empty", remedy: "remove it")
    }
    return special
  }

  private func isWrittenAsSpecial(_ text: String) -> Bool {
    text.utf8.count > 2
      && (text.hasPrefix("<") && text.hasSuffix(">") || text.hasPrefix("[") && text.hasSuffix("]"))
  }
}

/// `token` for a message: in quotes, cut short, without control characters.
private func quoted(_ token: String) -> String {
  let shown = token.unicodeScalars.prefix(40).map { $0.value < 0x20 ? "\u{FFFD}" : $0 }
  return "\"" + String(String.UnicodeScalarView(shown)) + (token.unicodeScalars.count > 40 ? "…\"" : "\"")
}
