/// A step from tokens to text, in the order in which a tokenizer's file lists them.
enum Decoder: Sendable {
  /// The byte alphabet is read, and all tokens become one.
  case byteLevel
  /// Tokens `<0x00>` to `<0xFF>` become what their bytes spell together.
  case byteFallback
  /// All tokens become one.
  case fuse
  case replace([UInt8], with: [UInt8])
  /// Up to so many of one character are dropped at both ends of each token.
  case strip(Unicode.Scalar, start: Int, stop: Int)
  /// Marks become spaces; those of the first token are dropped where `dropsFirst`.
  case metaspace(mark: Unicode.Scalar, dropsFirst: Bool)
  /// A suffix becomes a space, at the end nothing.
  case wordSuffix([UInt8])
  /// A space stands before a token that does not begin with the prefix, and none before signs where `cleansUp`.
  case wordPiece(prefix: [UInt8], cleansUp: Bool)
  /// A space stands between two tokens: what a file without a decoder means.
  case separate
  /// Marian's pieces are joined to text.
  case marian(MarianText.Pieces)
}

/// A token, or a part of one, on its way through the steps.
struct DecodingFragment {
  var bytes: [UInt8]
  /// Whether the token ends here; later parts of it follow otherwise.
  var endsToken = true
}

/// One step at work: it takes fragments and gives out what no later fragment can change.
struct DecodingStage {
  private let decoder: Decoder
  /// Whether bytes that are not UTF-8 become U+FFFD in ``Decoder/byteFallback``.
  private let replacesIllFormed: Bool
  /// The token that is not whole yet, or the bytes that are not read yet.
  private var pending: [UInt8] = []
  private var byteRun: [UInt8] = []
  private var hasPending = false
  /// How many tokens have ended.
  private var count: Int
  /// How many characters may still be dropped from the token under way.
  private var droppable: Int
  /// The work of ``Decoder/marian(_:)``.
  private var marian: MarianText?

  /// - Parameter isInside: whether the tokens stand inside a text whose beginning is not shown.
  init(_ decoder: Decoder, replacesIllFormed: Bool, isInside: Bool, isFused: Bool) {
    self.decoder = decoder
    self.replacesIllFormed = replacesIllFormed
    self.count = isInside ? 1 : 0
    if case .strip(_, let start, _) = decoder, !(isInside && isFused) {
      droppable = start
    } else {
      droppable = 0
    }
    if case .marian(let pieces) = decoder {
      marian = MarianText(pieces, replacesIllFormed: replacesIllFormed, isInside: isInside)
    }
  }

  /// What is certain once `fragment` is known.
  mutating func feed(_ fragment: DecodingFragment) -> [DecodingFragment] {
    switch decoder {
    case .byteLevel:
      // Added tokens too; one with a character that stands for no byte is text as a whole.
      let bytes = ByteAlphabet.bytes(ofSpelling: fragment.bytes) ?? fragment.bytes
      return [DecodingFragment(bytes: bytes, endsToken: false)]
    case .fuse:
      return [DecodingFragment(bytes: fragment.bytes, endsToken: false)]
    case .metaspace(let mark, let dropsFirst):
      let isFirst = count == 0
      if fragment.endsToken { count += 1 }
      let space = isFirst && dropsFirst ? [] : [UInt8(ascii: " ")]
      return [
        DecodingFragment(
          bytes: fragment.bytes.substituting(Array(String(mark).utf8), with: space),
          endsToken: fragment.endsToken)
      ]
    case .separate:
      defer { if fragment.endsToken { count += 1 } }
      let starts = !hasPending
      hasPending = !fragment.endsToken
      return [
        DecodingFragment(
          bytes: (starts && count > 0 ? [UInt8(ascii: " ")] : []) + fragment.bytes,
          endsToken: fragment.endsToken)
      ]
    case .strip(let scalar, let start, let stop) where stop == 0:
      return [strippedStart(of: fragment, scalar, start)]
    case .replace, .strip, .byteFallback, .wordSuffix, .wordPiece, .marian:
      pending += fragment.bytes
      hasPending = !fragment.endsToken
      guard fragment.endsToken else { return [] }
      defer { pending = [] }
      return whole(pending)
    }
  }

  /// What is left once no fragment follows.
  mutating func finish() -> [DecodingFragment] {
    switch decoder {
    case .byteLevel, .fuse: return [DecodingFragment(bytes: [])]
    case .byteFallback: return flushedRun()
    case .wordSuffix(let suffix):
      guard count > 0 else { return [] }
      return [DecodingFragment(bytes: byteRun.substituting(suffix, with: []))]
    case .marian: return [DecodingFragment(bytes: marian?.finish() ?? [])]
    default: return []
    }
  }

  /// A token that is whole.
  private mutating func whole(_ token: [UInt8]) -> [DecodingFragment] {
    switch decoder {
    case .replace(let text, let replacement):
      return [DecodingFragment(bytes: token.substituting(text, with: replacement))]
    case .strip(let scalar, let start, let stop):
      return [DecodingFragment(bytes: Self.stripped(token, Array(String(scalar).utf8), start, stop))]
    case .byteFallback:
      if let byte = ByteFallback.byte(of: token) {
        byteRun.append(byte)
        return []
      }
      return flushedRun() + [DecodingFragment(bytes: token)]
    case .wordSuffix(let suffix):
      // Which token is the last is known one token later.
      defer {
        byteRun = token
        count += 1
      }
      return count == 0
        ? [] : [DecodingFragment(bytes: byteRun.substituting(suffix, with: [UInt8(ascii: " ")]))]
    case .wordPiece(let prefix, let cleansUp):
      defer { count += 1 }
      var bytes = token
      if count > 0 {
        let goesOn = !prefix.isEmpty && token.starts(with: prefix)
        bytes = goesOn ? Array(token.dropFirst(prefix.count)) : [UInt8(ascii: " ")] + token
      }
      return [DecodingFragment(bytes: cleansUp ? Self.cleanedUp(bytes) : bytes)]
    case .marian: return [DecodingFragment(bytes: marian?.feed(token) ?? [])]
    default: return [DecodingFragment(bytes: token)]
    }
  }

  /// Without the spaces that English does not put before signs and endings (the tokenizers library, `wordpiece::cleanup`).
  private static func cleanedUp(_ token: [UInt8]) -> [UInt8] {
    let replacements = [
      (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
      (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ]
    return replacements.reduce(token) { $0.substituting(Array($1.0.utf8), with: Array($1.1.utf8)) }
  }

  /// The bytes of byte tokens in a row; where they are not UTF-8, as a whole, U+FFFD for each.
  private mutating func flushedRun() -> [DecodingFragment] {
    guard !byteRun.isEmpty else { return [] }
    defer { byteRun = [] }
    if !replacesIllFormed || String(validating: byteRun, as: UTF8.self) != nil {
      return [DecodingFragment(bytes: byteRun)]
    }
    return byteRun.map { _ in DecodingFragment(bytes: Array("\u{FFFD}".utf8)) }
  }

  private mutating func strippedStart(
    of fragment: DecodingFragment, _ scalar: Unicode.Scalar, _ start: Int
  ) -> DecodingFragment {
    let content = Array(String(scalar).utf8)
    var bytes = fragment.bytes[...]
    while droppable > 0, bytes.starts(with: content) {
      bytes = bytes.dropFirst(content.count)
      droppable -= 1
    }
    if !bytes.isEmpty { droppable = 0 }
    if fragment.endsToken { droppable = start }
    return DecodingFragment(bytes: Array(bytes), endsToken: fragment.endsToken)
  }

  private static func stripped(_ token: [UInt8], _ content: [UInt8], _ start: Int, _ stop: Int) -> [UInt8] {
    var token = token[...]
    for _ in 0..<start where token.starts(with: content) { token = token.dropFirst(content.count) }
    for _ in 0..<stop where token.suffix(content.count).elementsEqual(content) {
      token = token.dropLast(content.count)
    }
    return Array(token)
  }
}

extension [UInt8] {
  /// With every occurrence of `text` replaced, from left to right; most tokens have none.
  fileprivate func substituting(_ text: [UInt8], with replacement: [UInt8]) -> [UInt8] {
    guard let first = text.first else { return replacing(text, with: replacement) }
    var (result, rest): ([UInt8], ArraySlice<UInt8>) = ([], self[...])
    while let place = rest.firstIndex(of: first) {
      let isFound = rest[place...].starts(with: text)
      result += rest[..<place]
      result += isFound ? replacement : [first]
      rest = rest[(isFound ? place + text.count : place + 1)...]
    }
    return result.isEmpty && rest.count == count ? self : result + rest
  }
}

extension ByteAlphabet {
  /// The bytes that a spelling in UTF-8 writes; nil if it has a character that stands for none.
  static func bytes(ofSpelling spelling: [UInt8]) -> [UInt8]? {
    bytes(of: String(decoding: spelling, as: UTF8.self).unicodeScalars)
  }
}
