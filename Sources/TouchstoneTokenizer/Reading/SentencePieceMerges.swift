/// The merges of a byte-pair model that SentencePiece trained: its file lists none, for whatever two neighbours make a piece
/// are merged.
struct SentencePieceMerges {
  /// Which of two merges comes first.
  enum Order {
    /// The piece that is made with the lesser id; all pieces take part.
    case byID
    /// The piece that is made with the greater score; only pieces that are no name, sign or byte take part.
    case byScore
  }

  private struct Found {
    let score: Float
    let made: Int
    let left: Int
    let right: Int
    /// The characters of the left part.
    let leftLength: Int
  }

  /// The merges of `pieces`, ranked as Hugging Face's conversion ranks them.
  ///
  /// - Parameter ids: the ids of the pieces by their spelling.
  static func merges(
    of pieces: [SentencePieceFile.Piece], ids: [[UInt8]: Int], _ order: Order
  ) -> [BytePairModel.Pair: BytePairModel.Merge] {
    func takesPart(_ id: Int) -> Bool { order == .byID || pieces[id].kind == .normal }
    var found: [Found] = []
    for (id, piece) in pieces.enumerated() where takesPart(id) {
      let spelling = piece.spelling
      // A byte that goes on with a character begins no part.
      let starts = spelling.indices.filter { spelling[$0] & 0xC0 != 0x80 }
      for (length, start) in starts.enumerated().dropFirst() {
        guard let left = ids[Array(spelling[..<start])], let right = ids[Array(spelling[start...])],
          takesPart(left), takesPart(right)
        else { continue }
        found.append(Found(score: piece.score, made: id, left: left, right: right, leftLength: length))
      }
    }
    found.sort { one, other in
      if order == .byScore, one.score != other.score { return one.score > other.score }
      if one.made != other.made { return one.made < other.made }
      // Of the two ways to make one piece the shorter left part comes first: as a text, too, it precedes the longer.
      return one.leftLength < other.leftLength
    }
    var merges: [BytePairModel.Pair: BytePairModel.Merge] = [:]
    merges.reserveCapacity(found.count)
    for (rank, merge) in found.enumerated() {
      merges[BytePairModel.Pair(left: merge.left, right: merge.right)] = BytePairModel.Merge(
        rank: rank, token: merge.made)
    }
    return merges
  }
}
