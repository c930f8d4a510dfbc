import TouchstoneReports

extension TokenText {
  /// A token's id and text for a JSON object; bytes that are no text become U+FFFD.
  func members(_ id: Int) -> [(String, OrderedJSON)] {
    [("id", .integer(id)), ("text", .optional(bytes(id).map { String(decoding: $0, as: UTF8.self) }))]
  }
}
