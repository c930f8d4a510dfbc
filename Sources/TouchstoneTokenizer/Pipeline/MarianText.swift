/// What Marian's pieces stand for, as its tokenizer joins them (Hugging Face transformers, `MarianTokenizer`;
/// SentencePiece, `Decode`): marks become spaces, pieces that control the model vanish, and no white space is left at the
/// ends.
struct MarianText: Sendable {
  /// What tells the pieces of a vocabulary apart.
  struct Pieces: Sendable {
    /// Shown as they are, with a space behind.
    var special: Set<[UInt8]> = []
    /// Those that SentencePiece knows; any other stands for itself, and keeps a mark at the beginning.
    var known: Set<[UInt8]> = []
    /// Those of them that stand for nothing.
    var control: Set<[UInt8]> = []
    /// Whether `<0x00>` to `<0xFF>` stand for bytes.
    var spellsBytes = false
    /// Whether a mark at the beginning stands for no space.
    var dropsFirstMark = true
    /// Whether every mark before the first character is one at the beginning.
    var dropsAllFirstMarks = true
  }

  private let pieces: Pieces
  private let replacesIllFormed: Bool
  /// Inside a text nothing is dropped.
  private let isInside: Bool
  /// Whether the pieces so far, from the last special one on, gave no text yet.
  private var isAtStart: Bool
  private var bytes: [UInt8] = []
  /// White space that is only shown where something follows.
  private var whiteSpace: [UInt8] = []
  private var hasText: Bool

  init(_ pieces: Pieces, replacesIllFormed: Bool, isInside: Bool) {
    self.pieces = pieces
    self.replacesIllFormed = replacesIllFormed
    self.isInside = isInside
    isAtStart = !isInside
    hasText = isInside
  }

  /// The text that is certain once a piece is known.
  mutating func feed(_ piece: [UInt8]) -> [UInt8] {
    if pieces.spellsBytes, let byte = ByteFallback.byte(of: piece) {
      bytes.append(byte)
      return []
    }
    var text = flushedBytes()
    if pieces.special.contains(piece) {
      text += piece + [UInt8(ascii: " ")]
      isAtStart = !isInside
    } else if !pieces.control.contains(piece) {
      text += spaced(piece)
    }
    return trimmed(text)
  }

  /// What is left once no piece follows.
  mutating func finish() -> [UInt8] {
    let text = trimmed(flushedBytes())
    return isInside ? text + whiteSpace : text
  }

  /// A piece with spaces for its marks.
  private mutating func spaced(_ piece: [UInt8]) -> [UInt8] {
    let mark = Array(String(SentencePieceText.mark).utf8)
    var piece = piece[...]
    if isAtStart, pieces.dropsFirstMark, piece.starts(with: mark), pieces.known.contains(Array(piece)) {
      piece = piece.dropFirst(mark.count)
      if !pieces.dropsAllFirstMarks { isAtStart = false }
    }
    if !piece.isEmpty { isAtStart = false }
    return Array(piece).replacing(mark, with: [UInt8(ascii: " ")])
  }

  /// The text of byte pieces in a row, with U+FFFD for each byte that belongs to no character.
  private mutating func flushedBytes() -> [UInt8] {
    guard !bytes.isEmpty else { return [] }
    defer { bytes = [] }
    isAtStart = false
    var text: [UInt8] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      let scalar = UTF8Scalar(rest)
      let isKept = scalar != nil || !replacesIllFormed
      text += isKept ? Array(rest.prefix(scalar?.length ?? 1)) : Array("\u{FFFD}".utf8)
      rest = rest.dropFirst(scalar?.length ?? 1)
    }
    return text
  }

  /// `text` behind the white space that was held back, without that at its own end, which may be the end of all.
  private mutating func trimmed(_ text: [UInt8]) -> [UInt8] {
    var kept = (whiteSpace + text)[...]
    whiteSpace = []
    while let last = UTF8Scalar.last(of: kept), last.isStripped {
      whiteSpace = Array(kept.suffix(last.length)) + whiteSpace
      kept = kept.dropLast(last.length)
    }
    guard !hasText else { return Array(kept) }
    while let first = UTF8Scalar(kept), first.isStripped { kept = kept.dropFirst(first.length) }
    if kept.isEmpty { whiteSpace = [] } else { hasText = true }
    return Array(kept)
  }
}

extension UTF8Scalar {
  /// Whether Python's `strip` takes it away: white space, and the four separators of ASCII.
  fileprivate var isStripped: Bool { isWhiteSpace || (0x1C...0x1F).contains(value) }
}
