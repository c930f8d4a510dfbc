import TouchstoneModel

/// What turns a word into tokens: byte-pair encoding, WordPiece or Unigram.
protocol TokenModel: Sendable {
  /// The spelling of each token, in UTF-8.
  var spellings: [Int: [UInt8]] { get }

  /// The id of the token with a spelling; nil where there is none.
  func id(of spelling: [UInt8]) -> Int?

  /// The ids of one word, as it comes from the split.
  ///
  /// - Throws: ``BadInput`` when a character has no token and the model none for unknown ones.
  func ids(of word: ArraySlice<UInt8>) throws(BadInput) -> [Int]
}
