import TouchstoneModel

/// A token that is found by its spelling before the text is split.
struct AddedToken: Hashable, Sendable {
  let content: [UInt8]
  /// Whether it controls the model rather than spells text: letters where the text is not trusted.
  var isSpecial: Bool
  /// Whether it counts only between characters that are not of a word.
  var isSingleWord = false
  /// Whether the white space before it belongs to it.
  var stripsLeft = false
  /// Whether the white space behind it belongs to it.
  var stripsRight = false
  /// Whether it is looked for in the normalised text, itself normalised.
  var isNormalized: Bool

  init(_ content: String, isSpecial: Bool) {
    self.content = Array(content.utf8)
    self.isSpecial = isSpecial
    self.isNormalized = !isSpecial
  }
}

/// The added tokens of a tokenizer, by id.
struct AddedTokens: Sendable {
  private(set) var byID: [Int: AddedToken] = [:]
  private var ids: [[UInt8]: Int] = [:]
  /// Those looked for in the text as it is.
  private(set) var plain = TokenFinder()
  /// Those looked for in the normalised text.
  private(set) var normalized = TokenFinder()
  /// How a token of the normalised text is spelt there, where that is not its content.
  private(set) var normalizedSpellings: [Int: [UInt8]] = [:]
  private var special: Set<[UInt8]> = []

  /// - Parameter tokens: each with its id; of two with one content the later counts.
  init(_ tokens: [(id: Int, token: AddedToken)], normalizer: Normalizer?) throws(BadInput) {
    for (id, token) in tokens {
      byID[id] = token
      ids[token.content] = id
      if token.isSpecial { special.insert(token.content) }
    }
    var owners: [[UInt8]: AddedToken] = [:]
    for (id, token) in byID.sorted(by: { $0.key < $1.key }) {
      guard token.isNormalized else {
        plain.add(token.content, id, token)
        continue
      }
      let spelling = Array(try normalizer?.applied(to: token.content[...]) ?? token.content[...])
      // The library finds an empty one everywhere, and of two that are spelt alike any one.
      guard !spelling.isEmpty else { throw Self.refusal(token, "nothing is left of it") }
      if let other = owners.updateValue(token, forKey: spelling) {
        throw Self.refusal(token, "it is spelt like \(quoted(other.content))")
      }
      if spelling != token.content { normalizedSpellings[id] = spelling }
      normalized.add(spelling, id, token)
    }
  }

  private static func refusal(_ token: AddedToken, _ problem: String) -> BadInput {
    BadInput(
      place: "added tokens",
      problem: "\(quoted(token.content)) is looked for in normalised text, where \(problem)",
      remedy: "set its field normalized to false")
  }

  /// The id of a token by its content.
  func id(of content: [UInt8]) -> Int? { ids[content] }

  /// Whether `content` is that of a special token.
  func isSpecial(_ content: [UInt8]) -> Bool { special.contains(content) }
}

/// Finds tokens by their spelling: the leftmost, of several there the longest.
struct TokenFinder: Sendable {
  /// A stretch of text, or a token found in it.
  enum Part {
    case text(ArraySlice<UInt8>)
    case token(Int)
  }

  private var tokens: [[UInt8]: (id: Int, token: AddedToken)] = [:]
  /// The lengths of the tokens that begin with each byte, the greatest first.
  private var lengths = [[Int]](repeating: [], count: 256)

  mutating func add(_ spelling: [UInt8], _ id: Int, _ token: AddedToken) {
    guard let first = spelling.first else { return }
    tokens[spelling] = (id, token)
    if !lengths[Int(first)].contains(spelling.count) {
      lengths[Int(first)] = (lengths[Int(first)] + [spelling.count]).sorted(by: >)
    }
  }

  /// The tokens in `text` and what stands between them, white space given to the tokens that take it.
  func parts(of text: ArraySlice<UInt8>, special: Tokenizer.SpecialTokens) -> [Part] {
    guard !tokens.isEmpty else { return [.text(text)] }
    var parts: [Part] = []
    var end = text.startIndex
    var position = text.startIndex
    while let (range, id, token) = next(in: text[position...]) {
      position = range.upperBound
      if token.isSpecial, special == .asText { continue }
      if token.isSingleWord, touchesWord(range, in: text) { continue }
      var (start, stop) = (range.lowerBound, range.upperBound)
      if token.stripsLeft {
        while start > end, let space = UTF8Scalar.last(of: text[..<start]), space.isWhiteSpace {
          start -= space.length
        }
        // What an earlier token took stays its own.
        start = max(start, end)
      }
      if token.stripsRight {
        while let space = UTF8Scalar(text[stop...]), space.isWhiteSpace { stop += space.length }
      }
      if end < start { parts.append(.text(text[end..<start])) }
      parts.append(.token(id))
      end = stop
    }
    if end < text.endIndex { parts.append(.text(text[end...])) }
    return parts
  }

  private func next(in text: ArraySlice<UInt8>) -> (Range<Int>, Int, AddedToken)? {
    var start = text.startIndex
    while start < text.endIndex {
      for length in lengths[Int(text[start])] where length <= text.endIndex - start {
        if let (id, token) = tokens[Array(text[start..<start + length])] {
          return (start..<start + length, id, token)
        }
      }
      start += 1
    }
    return nil
  }

  private func touchesWord(_ range: Range<Int>, in text: ArraySlice<UInt8>) -> Bool {
    func isOfWord(_ scalar: UTF8Scalar?) -> Bool {
      guard let scalar = scalar.flatMap({ Unicode.Scalar($0.value) }) else { return false }
      return scalar.isWordCharacter || scalar.properties.isJoinControl
    }
    return isOfWord(UTF8Scalar.last(of: text[..<range.lowerBound]))
      || isOfWord(UTF8Scalar(text[range.upperBound...]))
  }
}
