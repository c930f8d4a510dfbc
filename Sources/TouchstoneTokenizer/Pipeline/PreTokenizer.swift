import TouchstoneModel

/// A stretch of text on its way to the model.
struct Piece {
  var bytes: ArraySlice<UInt8>
  /// Whether it begins where the text begins.
  let startsText: Bool
}

/// A split of the text into words, none of which a token may cross.
indirect enum PreTokenizer: Sendable {
  /// Where a mark stands for a space that the text does not have.
  enum PrependScheme: String, Sendable {
    /// Before every stretch of text.
    case always
    /// Before the beginning of the text alone.
    case first
    case never
  }

  /// Writes bytes in the byte alphabet, after GPT-2's pattern where `splits`.
  case byteLevel(addsPrefixSpace: Bool, splits: Bool)
  case split(Pattern, SplitBehavior, isInverted: Bool)
  /// Numbers stand by themselves, each digit too where `individually`.
  case digits(individually: Bool)
  case punctuation(SplitBehavior)
  /// A mark for each space, and the text split before each mark where `splits`.
  case metaspace(mark: Unicode.Scalar, PrependScheme, splits: Bool)
  /// Words are what stands between white space.
  case whitespaceSplit
  case sequence([PreTokenizer])

  /// The words of `pieces`, without empty ones.
  func words(of pieces: [Piece]) throws(BadInput) -> [Piece] {
    if case .sequence(let steps) = self {
      var pieces = pieces
      for step in steps { pieces = try step.words(of: pieces) }
      return pieces
    }
    var words: [Piece] = []
    for piece in pieces { try append(wordsOf: piece, to: &words) }
    return words
  }

  private func append(wordsOf piece: Piece, to words: inout [Piece]) throws(BadInput) {
    switch self {
    case .byteLevel(let addsPrefixSpace, let splits):
      let space = UInt8(ascii: " ")
      let text = addsPrefixSpace && piece.bytes.first != space ? ([space] + piece.bytes)[...] : piece.bytes
      if splits {
        var splitter = WordSplitter(text)
        var isFirst = true
        while let word = splitter.next() {
          words.append(
            Piece(bytes: ByteAlphabet.spelling(of: word)[...], startsText: isFirst && piece.startsText))
          isFirst = false
        }
      } else if !text.isEmpty {
        words.append(Piece(bytes: ByteAlphabet.spelling(of: text)[...], startsText: piece.startsText))
      }
    case .split(let pattern, let behavior, let isInverted):
      var parts = try pattern.parts(of: piece.bytes)
      if isInverted { parts = parts.map { Pattern.Part(range: $0.range, isMatch: !$0.isMatch) } }
      piece.append(behavior.ranges(of: parts), to: &words)
    case .digits(let individually):
      let parts = piece.parts { Unicode.Scalar($0.value)?.isNumeric ?? false }
      piece.append((individually ? SplitBehavior.isolated : .contiguous).ranges(of: parts), to: &words)
    case .punctuation(let behavior):
      piece.append(behavior.ranges(of: piece.parts(where: \.isPunctuation)), to: &words)
    case .whitespaceSplit:
      piece.append(SplitBehavior.removed.ranges(of: piece.parts(where: \.isWhiteSpace)), to: &words)
    case .metaspace(let mark, let scheme, let splits):
      let marked = try Self.marked(piece, mark, scheme)
      if splits {
        marked.append(
          SplitBehavior.mergedWithNext.ranges(of: marked.parts { $0.value == mark.value }), to: &words)
      } else if !marked.bytes.isEmpty {
        words.append(marked)
      }
    case .sequence: break
    }
  }

  private static func marked(
    _ piece: Piece, _ mark: Unicode.Scalar, _ scheme: PrependScheme
  ) throws(BadInput) -> Piece {
    let markBytes = Array(String(mark).utf8)
    var bytes = try Pattern(literal: " ").replacing(in: piece.bytes, with: markBytes)
    let prepends = scheme == .always || scheme == .first && piece.startsText
    if prepends, !bytes.starts(with: markBytes) { bytes = markBytes + bytes }
    return Piece(bytes: bytes[...], startsText: piece.startsText)
  }
}

extension Piece {
  /// The characters for which `isMatch` holds, each by itself, and what stands between them.
  fileprivate func parts(where isMatch: (UTF8Scalar) -> Bool) -> [Pattern.Part] {
    guard !bytes.isEmpty else { return [Pattern.Part(range: bytes.indices, isMatch: false)] }
    var parts: [Pattern.Part] = []
    var start = bytes.startIndex
    var position = start
    while position < bytes.endIndex {
      let scalar = UTF8Scalar(bytes[position...])
      let end = position + (scalar?.length ?? 1)
      if let scalar, isMatch(scalar) {
        if start < position { parts.append(Pattern.Part(range: start..<position, isMatch: false)) }
        parts.append(Pattern.Part(range: position..<end, isMatch: true))
        start = end
      }
      position = end
    }
    if start < position { parts.append(Pattern.Part(range: start..<position, isMatch: false)) }
    return parts
  }

  /// Adds the stretches `ranges` of it to `words`.
  fileprivate func append(_ ranges: [Range<Int>], to words: inout [Piece]) {
    for range in ranges where !range.isEmpty {
      words.append(Piece(bytes: bytes[range], startsText: startsText && range.lowerBound == bytes.startIndex))
    }
  }
}

extension UTF8Scalar {
  /// Whether it has the property White_Space.
  var isWhiteSpace: Bool { Unicode.Scalar(value)?.properties.isWhitespace ?? false }

  /// ASCII's punctuation and symbols, and what Unicode calls punctuation.
  fileprivate var isPunctuation: Bool {
    if value < 0x80 {
      switch value {
      case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return true
      default: return false
      }
    }
    switch Unicode.Scalar(value)?.properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      return true
    default: return false
    }
  }
}
