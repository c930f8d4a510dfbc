import TouchstoneModel

/// How SentencePiece itself writes a text before it is cut into pieces (`normalizer.cc`).
///
/// Other than in `tokenizer.json` characters are mapped by the longest beginning that the map knows, spaces alone are
/// taken away, and a byte that belongs to no character becomes U+FFFD.
struct SentencePieceText: Sendable {
  private let map: CharacterMap?
  private let symbols: SymbolFinder
  private let addsDummyPrefix: Bool
  private let removesExtraSpaces: Bool
  /// What stands for a space.
  private let space: [UInt8]

  /// The mark that stands for a space in pieces: U+2581.
  static let mark: Unicode.Scalar = "▁"

  private static let blank = UInt8(ascii: " ")

  /// - Throws: ``BadInput`` where the file's map of characters is damaged.
  init(_ file: SentencePieceFile) throws(BadInput) {
    map = try file.map()
    symbols = SymbolFinder(file.pieces.filter { $0.kind == .userDefined }.map(\.spelling))
    addsDummyPrefix = file.addsDummyPrefix
    removesExtraSpaces = file.removesExtraSpaces
    space = file.escapesSpaces ? Array(String(Self.mark).utf8) : [Self.blank]
  }

  /// The changed text.
  func applied(to text: ArraySlice<UInt8>) -> [UInt8] {
    var rest = text
    if removesExtraSpaces {
      while let (count, becomes) = step(rest), becomes.elementsEqual([Self.blank]) {
        rest = rest.dropFirst(count)
      }
    }
    guard !rest.isEmpty else { return [] }
    var result = addsDummyPrefix ? space : []
    var followsSpace = removesExtraSpaces
    while let (count, becomes) = step(rest) {
      rest = rest.dropFirst(count)
      let kept = followsSpace ? becomes.drop { $0 == Self.blank } : becomes
      for byte in kept {
        if byte == Self.blank { result += space } else { result.append(byte) }
      }
      if removesExtraSpaces, let last = kept.last { followsSpace = last == Self.blank }
    }
    if removesExtraSpaces {
      while result.suffix(space.count).elementsEqual(space) { result.removeLast(space.count) }
    }
    return result
  }

  /// What the front of a text becomes, and how many bytes that takes; nil at the end.
  private func step(_ text: ArraySlice<UInt8>) -> (Int, ArraySlice<UInt8>)? {
    guard !text.isEmpty else { return nil }
    // What is defined by users stays as it is.
    if let count = symbols.longest(of: text) { return (count, text.prefix(count)) }
    if let (count, becomes) = map?.longest(of: text) { return (count, becomes) }
    if let scalar = UTF8Scalar(text) { return (scalar.length, text.prefix(scalar.length)) }
    return (1, Array("\u{FFFD}".utf8)[...])
  }
}

/// Finds the longest of a few texts at a place.
private struct SymbolFinder: Sendable {
  private let symbols: Set<[UInt8]>
  /// The lengths of those that begin with each byte, the greatest first.
  private let lengths: [UInt8: [Int]]

  init(_ symbols: [[UInt8]]) {
    self.symbols = Set(symbols)
    lengths = Dictionary(grouping: symbols) { $0.first ?? 0 }.mapValues {
      Set($0.map(\.count)).sorted(by: >)
    }
  }

  func longest(of text: ArraySlice<UInt8>) -> Int? {
    guard let first = text.first, let lengths = lengths[first] else { return nil }
    return lengths.first { $0 <= text.count && symbols.contains(Array(text.prefix($0))) }
  }
}

extension SentencePieceFile {
  /// The map of characters; nil where they stay as they are.
  func map() throws(BadInput) -> CharacterMap? {
    guard !characterMap.isEmpty else { return nil }
    do {
      return try CharacterMap(characterMap)
    } catch {
      var error = error
      error.place = "normalizer_spec"
      throw error
    }
  }
}
