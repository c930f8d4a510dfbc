import TouchstoneModel

/// How many ids a text has, as a file says: more are cut off, fewer are filled up.
///
/// Neither is done, for a text that is judged is the whole text and nothing else; one that either would change is
/// refused.
struct TextLengths: Sendable {
  /// The most ids that are not cut; nil where nothing is.
  var greatest: Int?
  /// The least that are not filled up.
  var least = 0
  /// What the number is filled up to a multiple of.
  var multiple = 1

  /// - Throws: ``BadInput`` where a text of `count` ids would be changed.
  func check(_ count: Int) throws(BadInput) {
    if let greatest, count > greatest {
      throw refusal(
        "truncation", "cuts a text after \(greatest) tokens, and this one has \(count)", "shorter")
    }
    guard count >= least else {
      throw refusal("padding", "fills a text up to \(least) tokens, and this one has \(count)", "longer")
    }
    guard count % multiple == 0 else {
      throw refusal(
        "padding", "fills a text up to a multiple of \(multiple) tokens, and this one has \(count)", "longer")
    }
  }

  private func refusal(_ field: String, _ problem: String, _ comparison: String) -> BadInput {
    BadInput(
      place: field + " in tokenizer.json", problem: problem,
      remedy: "set \(field) to null there, or give a \(comparison) text")
  }
}
