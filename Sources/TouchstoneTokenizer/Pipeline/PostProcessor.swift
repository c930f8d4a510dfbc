/// What is put around the ids of a text, such as the token at the beginning of every sequence.
struct PostProcessor: Sendable {
  /// A part of the result.
  enum Part: Hashable, Sendable {
    case text
    case ids([Int])
  }

  /// Each applied to the result of the one before it.
  let templates: [[Part]]

  func applied(to ids: [Int]) -> [Int] {
    templates.reduce(ids) { ids, template in
      template.flatMap { part in
        switch part {
        case .text: ids
        case .ids(let added): added
        }
      }
    }
  }
}
