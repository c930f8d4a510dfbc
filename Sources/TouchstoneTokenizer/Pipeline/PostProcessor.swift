/// What is put around the ids of a text, such as the token at the beginning of every sequence.
struct PostProcessor: Sendable {
  /// A part of the result.
  enum Part: Hashable, Sendable {
    case text
    case ids([Int])
  }

  /// What the result is made of.
  var template: [Part] = [.text]

  func applied(to ids: [Int]) -> [Int] {
    template.flatMap { part in
      switch part {
      case .text: ids
      case .ids(let added): added
      }
    }
  }
}
