/// What is put around the ids of a text, such as the token at the beginning of every sequence.
struct PostProcessor: Sendable {
  /// A part of the result.
  enum Part: Hashable, Sendable {
    case text
    case ids([Int])
  }

  /// What the result is made of.
  var template: [Part] = [.text]

  /// The ids before the text.
  var before: [Int] { Self.ids(of: template.prefix { $0 != .text }) }

  /// The ids behind the text.
  var behind: [Int] { Self.ids(of: template.drop { $0 != .text }.drop { $0 == .text }) }

  private static func ids(of parts: some Sequence<Part>) -> [Int] {
    parts.flatMap { part -> [Int] in
      guard case .ids(let ids) = part else { return [] }
      return ids
    }
  }

  func applied(to ids: [Int]) -> [Int] {
    template.flatMap { part in
      switch part {
      case .text: ids
      case .ids(let added): added
      }
    }
  }
}
