import TouchstoneModel

/// How many ids a text may have, as a file says that cuts off more.
///
/// It is not cut, for a text that is judged is the whole text and nothing else; one that would be is refused. Nor is it
/// filled up where the file says `padding`: that is what batches need, and `AutoTokenizer` does it only when asked.
struct TextLengths: Sendable {
  /// The most ids that are not cut; nil where nothing is.
  var greatest: Int?

  /// - Throws: ``BadInput`` where a text of `count` ids would be changed.
  func check(_ count: Int) throws(BadInput) {
    guard let greatest, count > greatest else { return }
    throw BadInput(
      place: "truncation in tokenizer.json",
      problem: "cuts a text after \(greatest) tokens, and this one has \(count)",
      remedy: "set truncation to null there, or give a shorter text")
  }
}
