/// Splits text into the words within which pairs are merged, exactly as GPT-2's pattern does.
///
///     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///
/// (`encoder.py` of the GPT-2 release.) The alternatives are tried from left to right at each place; the last two
/// leave one white-space character to the word that follows, which takes it only if it is a space.
///
/// The properties are those of the Unicode version of Swift's standard library (17 in Swift 6.3). What a later
/// version adds is unassigned here, and so a sign; no implementation can agree on it with those of another version.
struct WordSplitter {
  /// What the pattern tells apart.
  enum CharacterClass: UInt8 {
    /// `\s`: the property White_Space.
    case whiteSpace
    /// `\p{L}`: the general categories Lu, Ll, Lt, Lm and Lo.
    case letter
    /// `\p{N}`: the general categories Nd, Nl and No.
    case number
    /// The rest; also a byte that is not part of a well-formed character.
    case sign

    init(_ scalar: Unicode.Scalar) {
      let properties = scalar.properties
      switch properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
      case .decimalNumber, .letterNumber, .otherNumber: self = .number
      default: self = properties.isWhitespace ? .whiteSpace : .sign
      }
    }
  }

  private static let ascii = (0..<UInt8(128)).map { CharacterClass(Unicode.Scalar($0)) }
  private static let contractions = ["s", "t", "re", "ve", "m", "ll", "d"].map { Array($0.utf8) }

  private let bytes: ArraySlice<UInt8>
  private let ascii = Self.ascii
  private var position: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    self.position = bytes.startIndex
  }

  /// The next word; nil at the end.
  ///
  /// The words, joined, are the bytes.
  mutating func next() -> ArraySlice<UInt8>? {
    guard position < bytes.endIndex else { return nil }
    let start = position
    position = wordEnd(from: start)
    return bytes[start..<position]
  }

  private func wordEnd(from start: Int) -> Int {
    let first = bytes[start]
    if first == UInt8(ascii: "'"), let end = contractionEnd(from: start + 1) { return end }
    let body = first == UInt8(ascii: " ") && start + 1 < bytes.endIndex ? start + 1 : start
    let (bodyClass, _) = character(at: body)
    if bodyClass != .whiteSpace { return runEnd(of: bodyClass, from: body).end }
    let (end, lastCharacter) = runEnd(of: .whiteSpace, from: start)
    return end == bytes.endIndex || lastCharacter == start ? end : lastCharacter
  }

  private func contractionEnd(from start: Int) -> Int? {
    let rest = bytes[start...]
    return Self.contractions.first { rest.starts(with: $0) }.map { start + $0.count }
  }

  /// Where the run of one class ends, and where its last character starts.
  private func runEnd(of runClass: CharacterClass, from start: Int) -> (end: Int, lastCharacter: Int) {
    var end = start
    var lastCharacter = start
    while end < bytes.endIndex {
      let (characterClass, length) = character(at: end)
      if characterClass != runClass { break }
      lastCharacter = end
      end += length
    }
    return (end, lastCharacter)
  }

  private func character(at index: Int) -> (CharacterClass, length: Int) {
    let byte = bytes[index]
    if byte < 0x80 { return (ascii[Int(byte)], 1) }
    guard let decoded = UTF8Scalar(bytes[index...]), let scalar = Unicode.Scalar(decoded.value) else {
      return (.sign, 1)
    }
    return (CharacterClass(scalar), decoded.length)
  }
}
