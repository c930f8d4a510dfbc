import TouchstoneModel

/// A tokenizer in two files: a vocabulary, `vocab.json`, and a merge list, `merges.txt`, in the byte alphabet.
struct VocabularyFiles {
  /// The ids of the vocabulary.
  let ids: [[UInt8]: Int]
  let vocabularyFile: String
  let merges: [UInt8]
  let mergesFile: String

  /// The classes of Hugging Face transformers that read such files alone, and their splits.
  private static let families: [String?: (normalizer: Normalizer?, pattern: String?)] = [
    nil: (nil, nil), "GPT2Tokenizer": (nil, nil), "CodeGenTokenizer": (nil, nil),
    "PreTrainedTokenizer": (nil, nil), "TokenizersBackend": (nil, nil),
    "Qwen2Tokenizer": (
      .form(.nfc),
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"#
        + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    ),
  ]

  /// The tokenizer, of the family that the settings name or else GPT-2.
  ///
  /// - Throws: ``BadInput`` naming the file when the parts contradict each other.
  func document(_ settings: TokenizerSettings) throws(BadInput) -> TokenizerDocument {
    guard let family = Self.families[settings.tokenizerClass] else {
      throw BadInput(
        file: vocabularyFile,
        problem: "is for the tokenizer \(quoted((settings.tokenizerClass ?? "").utf8)), "
          + "which is read from tokenizer.json alone",
        remedy:
          "write one: in Python, transformers.AutoTokenizer.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER)"
      )
    }
    let addedIDs = Dictionary(settings.added.map { ($0.token.content, $0.id) }, uniquingKeysWith: { $1 })
    let table: TokenTable
    do {
      table = try TokenTable(ids: ids, added: addedIDs)
    } catch {
      throw error.inFile(vocabularyFile)
    }
    let merges: [BytePairModel.Pair: BytePairModel.Merge]
    do {
      merges = try table.merges(self.merges)
      let named = Set(settings.special.map(\.content)).union(addedIDs.keys)
      try table.checkAllAreMade(by: merges.values.map(\.token), named: named)
    } catch {
      throw error.inFile(mergesFile)
    }
    var options = BytePairModel.Options()
    options.mergesWholeRanks = true
    options.spellsBytes = true
    let split = try family.pattern.map { text throws(BadInput) in try Pattern(text) }
    return TokenizerDocument(
      normalizer: family.normalizer,
      preTokenizer: split.map {
        .sequence([
          .split($0, .isolated, isInverted: false), .byteLevel(addsPrefixSpace: false, splits: false),
        ])
      } ?? .byteLevel(addsPrefixSpace: false, splits: true),
      model: BytePairModel(ids: ids, merges: merges, options: options), decoders: [.byteLevel])
  }
}

/// The entries of a vocabulary file, checked.
private struct TokenTable {
  /// Each token as the file spells it: [V].
  let texts: [[UInt8]]
  private let ids: [[UInt8]: Int]

  /// Checks that every id from 0 on has one token.
  init(ids: [[UInt8]: Int], added: [[UInt8]: Int]) throws(BadInput) {
    let disagreeing = added.filter { (ids[$0.key] ?? $0.value) != $0.value }
    if let (token, id) = disagreeing.min(by: { $0.value < $1.value }) {
      throw BadInput(
        place: quoted(token), problem: "has another id in the list of added tokens, \(id)",
        remedy: "correct one of the two")
    }
    let all = ids.merging(added) { first, _ in first }
    guard !all.isEmpty else {
      throw BadInput(problem: "holds no token", remedy: "give the model's own vocabulary")
    }
    var texts = [[UInt8]?](repeating: nil, count: all.count)
    let ordered = all.sorted {
      $0.value != $1.value ? $0.value < $1.value : $0.key.lexicographicallyPrecedes($1.key)
    }
    for (token, id) in ordered {
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
    self.ids = ids
    if let token = ids.keys.filter({ $0.suffix(4).elementsEqual("</w>".utf8) && $0.count > 4 })
      .min(by: { $0.lexicographicallyPrecedes($1) })
    {
      throw BadInput(
        place: quoted(token), problem: "ends a word with </w>, which no byte-level tokenizer does",
        remedy: "give the model's tokenizer.json")
    }
  }

  /// Reads a merge list: two tokens a line, the first line of rank 0; a first line `#version…` is skipped.
  func merges(_ text: [UInt8]) throws(BadInput) -> [BytePairModel.Pair: BytePairModel.Merge] {
    var merges: [BytePairModel.Pair: BytePairModel.Merge] = [:]
    var number = 0
    for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      if line.isEmpty || number == 1 && line.starts(with: "#version".utf8) { continue }
      let (pair, token) = try merge(line, place: "line \(number)")
      let merge = BytePairModel.Merge(rank: merges.count, token: token)
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
  ) throws(BadInput) -> (BytePairModel.Pair, token: Int) {
    guard String(validating: line, as: UTF8.self) != nil else {
      throw BadInput(place: place, problem: "is not UTF-8", remedy: "fetch the file again")
    }
    let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map(Array.init)
    guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && ByteAlphabet.bytes(ofSpelling: $0) != nil })
    else {
      throw BadInput(
        place: place, problem: "is not two tokens with a space between", remedy: "fetch the file again")
    }
    func id(_ token: [UInt8]) throws(BadInput) -> Int {
      guard let id = ids[token] else {
        throw BadInput(
          place: place, problem: "names \(quoted(token)), which the vocabulary lacks",
          remedy: "give the merge list and the vocabulary of one model")
      }
      return id
    }
    return (
      BytePairModel.Pair(left: try id(parts[0]), right: try id(parts[1])), token: try id(parts[0] + parts[1])
    )
  }

  /// Checks that every token is one byte, or made by a merge, or named as added, or a name.
  ///
  /// A name was kept for later: `<unused3>`, or a word such as fairseq's `madeupword0000` that no two tokens make.
  /// Anything else means that the merge list is not the vocabulary's.
  func checkAllAreMade(by made: [Int], named: Set<[UInt8]>) throws(BadInput) {
    let made = Set(made)
    for (id, text) in texts.enumerated() where !named.contains(text) {
      guard made.contains(id) || ByteAlphabet.bytes(ofSpelling: text)?.count == 1 || isName(text) else {
        throw BadInput(
          problem: "no line makes the vocabulary's token \(quoted(text)) (id \(id))",
          remedy: "give the whole merge list of the same model")
      }
    }
    if let id = texts.firstIndex(where: \.isEmpty) {
      throw BadInput(problem: "the added token of id \(id) is empty", remedy: "remove it")
    }
  }

  private func isName(_ text: [UInt8]) -> Bool {
    guard !isWrittenAsName(text) else { return true }
    guard text.count > 1, ByteAlphabet.bytes(ofSpelling: text) != nil else { return false }
    return !(1..<text.count).contains { ids[Array(text[..<$0])] != nil && ids[Array(text[$0...])] != nil }
  }

  private func isWrittenAsName(_ text: [UInt8]) -> Bool {
    guard text.count > 2, let first = text.first, let last = text.last else { return false }
    return (first, last) == (UInt8(ascii: "<"), UInt8(ascii: ">"))
      || (first, last) == (UInt8(ascii: "["), UInt8(ascii: "]"))
  }
}
