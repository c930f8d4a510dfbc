import TouchstoneModel

/// What a SentencePiece model file holds (`sentencepiece_model.proto`, `ModelProto`): pieces with scores, and how text is
/// written before it is cut into them.
struct SentencePieceFile {
  /// The numbers of `SentencePiece.Type`.
  enum Kind: Int {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  /// A piece; its id is its place.
  struct Piece {
    var spelling: [UInt8] = []
    var score: Float = 0
    var kind = Kind.normal
  }

  /// How a text is cut into pieces.
  enum Algorithm: Int {
    case unigram = 1
    case bytePair, words, characters
  }

  private(set) var pieces: [Piece] = []

  // MARK: trainer_spec

  private(set) var algorithm = Algorithm.unigram
  private(set) var fallsBackToBytes = false
  private(set) var marksWordEnds = false
  private(set) var unknownID = 0
  private(set) var beginningID = 1
  private(set) var endID = 2
  private(set) var unknownPiece = "<unk>"
  private(set) var beginningPiece = "<s>"
  private(set) var endPiece = "</s>"

  // MARK: normalizer_spec

  /// Empty where characters stay as they are.
  private(set) var characterMap: ArraySlice<UInt8> = []
  private(set) var addsDummyPrefix = true
  private(set) var removesExtraSpaces = true
  private(set) var escapesSpaces = true
  /// Whether text is changed again once it is decoded.
  private(set) var changesDecodedText = false

  /// Reads a file's bytes.
  ///
  /// - Throws: ``BadInput`` naming the byte where the file is damaged, or the piece that makes no sense.
  init(_ bytes: [UInt8]) throws(BadInput) {
    var message = WireReader(bytes[...])
    while let field = try message.next() {
      switch field.number {
      case 1: pieces.append(try Piece(field.bytes, id: pieces.count))
      case 2: try readTrainer(field.bytes)
      case 3: try readNormalizer(field.bytes)
      case 5:
        var denormalizer = WireReader(try field.bytes)
        while let field = try denormalizer.next() {
          if field.number == 2 { changesDecodedText = try !field.bytes.isEmpty }
        }
      default: break
      }
    }
    try check()
  }

  private mutating func readTrainer(_ bytes: ArraySlice<UInt8>) throws(BadInput) {
    var message = WireReader(bytes)
    while let field = try message.next() {
      switch field.number {
      case 3:
        let number = try field.integer
        guard let known = Algorithm(rawValue: number) else {
          throw Self.refusal("trainer_spec", "has the model type \(number), which is not known")
        }
        algorithm = known
      case 24: marksWordEnds = try field.bool
      case 35: fallsBackToBytes = try field.bool
      case 40: unknownID = try field.integer
      case 41: beginningID = try field.integer
      case 42: endID = try field.integer
      case 45: unknownPiece = String(decoding: try field.bytes, as: UTF8.self)
      case 46: beginningPiece = String(decoding: try field.bytes, as: UTF8.self)
      case 47: endPiece = String(decoding: try field.bytes, as: UTF8.self)
      default: break
      }
    }
  }

  private mutating func readNormalizer(_ bytes: ArraySlice<UInt8>) throws(BadInput) {
    var message = WireReader(bytes)
    while let field = try message.next() {
      switch field.number {
      case 2: characterMap = try field.bytes
      case 3: addsDummyPrefix = try field.bool
      case 4: removesExtraSpaces = try field.bool
      case 5: escapesSpaces = try field.bool
      default: break
      }
    }
  }

  /// What SentencePiece asks of its pieces, too.
  private func check() throws(BadInput) {
    guard !pieces.isEmpty else {
      throw Self.refusal(nil, "holds no piece of a SentencePiece model")
    }
    var ids: [[UInt8]: Int] = [:]
    ids.reserveCapacity(pieces.count)
    for (id, piece) in pieces.enumerated() {
      if let other = ids.updateValue(id, forKey: piece.spelling) {
        throw Self.refusal("piece \(id)", "is spelt like the piece \(other), \(quoted(piece.spelling))")
      }
    }
    guard pieces.count(where: { $0.kind == .unknown }) == 1 else {
      throw Self.refusal(nil, "holds not exactly one piece for what is unknown")
    }
    guard pieces.indices.contains(unknownID) else {
      throw Self.refusal("trainer_spec", "has the unk_id \(unknownID), which no piece has")
    }
    switch algorithm {
    case .unigram, .bytePair: break
    case .words, .characters:
      throw BadInput(
        place: "trainer_spec",
        problem: "has the model type \(algorithm == .words ? "WORD" : "CHAR"), which is not supported "
          + "(UNIGRAM and BPE are)",
        remedy: "give token ids instead of text")
    }
  }

  fileprivate static func refusal(_ place: String?, _ problem: String) -> BadInput {
    BadInput(place: place, problem: problem, remedy: "give the model's own file")
  }
}

extension SentencePieceFile.Piece {
  fileprivate init(_ bytes: ArraySlice<UInt8>, id: Int) throws(BadInput) {
    func refusal(_ problem: String) -> BadInput { SentencePieceFile.refusal("piece \(id)", problem) }
    var message = WireReader(bytes)
    while let field = try message.next() {
      switch field.number {
      case 1: spelling = Array(try field.bytes)
      case 2: score = try field.float
      case 3:
        let number = try field.integer
        guard let known = SentencePieceFile.Kind(rawValue: number) else {
          throw refusal("is of the type \(number), which is not known")
        }
        kind = known
      default: break
      }
    }
    guard !spelling.isEmpty, String(validating: spelling, as: UTF8.self) != nil else {
      throw refusal("is empty or not UTF-8")
    }
    guard score.isFinite else { throw refusal("has a score that is no number") }
  }
}
