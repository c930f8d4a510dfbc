import TouchstoneModel

/// Marian's way from text to ids (Hugging Face transformers, `MarianTokenizer`): SentencePiece cuts the text into pieces, and
/// a vocabulary of another order has their ids.
struct MarianModel: TokenModel {
  let spellings: [Int: [UInt8]]
  private let ids: [[UInt8]: Int]
  private let unknownToken: Int
  private let text: SentencePieceText
  private let pieces: UnigramModel
  private let fallsBackToBytes: Bool

  /// - Throws: ``BadInput`` where the file's map of characters is damaged.
  init(_ file: SentencePieceFile, ids: [[UInt8]: Int], unknownToken: Int) throws(BadInput) {
    self.ids = ids
    self.unknownToken = unknownToken
    spellings = Dictionary(uniqueKeysWithValues: ids.map { ($1, $0) })
    text = try SentencePieceText(file)
    pieces = UnigramModel(bySentencePiece: file)
    fallsBackToBytes = file.fallsBackToBytes
  }

  func id(of spelling: [UInt8]) -> Int? { ids[spelling] }

  func ids(of word: ArraySlice<UInt8>) -> [Int] {
    var result: [Int] = []
    var rest = word
    if let code = Self.languageCode(of: word) {
      result.append(ids[Array(code)] ?? unknownToken)
      rest = rest.dropFirst(code.count)
    }
    let bytes = text.applied(to: rest)
    for (range, token) in pieces.parts(of: bytes) {
      let spellings =
        token == nil && fallsBackToBytes
        ? bytes[range].map { Array(ByteFallback.spelling(of: $0).utf8) } : [Array(bytes[range])]
      result += spellings.map { ids[$0] ?? unknownToken }
    }
    return result
  }

  /// The language to translate into that a text may begin with, such as `>>fra<<`.
  private static func languageCode(of text: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard text.starts(with: ">>".utf8) else { return nil }
    let end = text.indices.dropLast().first { text[$0...].starts(with: "<<".utf8) }
    return end.map { text[..<($0 + 2)] }
  }
}

extension UnigramModel {
  /// Unigram as SentencePiece computes it (`unigram_model.cc`): sums in float32, and only pieces that spell text are taken.
  init(bySentencePiece file: SentencePieceFile) {
    let normal = file.pieces.filter { $0.kind == .normal }.map(\.score)
    let entries = file.pieces.map { piece in
      let score: Double? =
        switch piece.kind {
        case .normal: Double(piece.score)
        // More than any logarithm of a probability, and the more the longer it is, whatever the file says.
        case .userDefined: 0.1 * Double(piece.spelling.count - 1)
        case .unknown, .control, .unused, .byte: nil
        }
      return Entry(spelling: piece.spelling, score: score)
    }
    self.init(
      entries,
      options: Options(
        unknownToken: nil, unknownScore: Double((normal.min() ?? .greatestFiniteMagnitude) - 10),
        fallsBackToBytes: false, roundsToFloat: true))
  }
}
