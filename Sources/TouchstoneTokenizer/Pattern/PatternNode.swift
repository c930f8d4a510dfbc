/// A pattern as it is read, before it is compiled.
indirect enum PatternNode: Sendable {
  case set(ScalarSet.Expression)
  case anchor(PatternProgram.Anchor)
  case sequence([PatternNode])
  case alternatives([PatternNode])
  /// At least and, where given, at most so many.
  case repetition(PatternNode, least: Int, greatest: Int?, PatternProgram.Greed)
  /// What follows must match, or must not.
  case look(PatternNode, negated: Bool)
  /// What is matched is never given back.
  case atomic(PatternNode)

  /// Whether it can match without taking a character.
  var canBeEmpty: Bool {
    switch self {
    case .set: false
    case .anchor, .look: true
    case .sequence(let parts): parts.allSatisfy(\.canBeEmpty)
    case .alternatives(let parts): parts.contains(where: \.canBeEmpty)
    case .repetition(let part, let least, _, _): least == 0 || part.canBeEmpty
    case .atomic(let part): part.canBeEmpty
    }
  }

  /// How many instructions it compiles to, about.
  var size: Int {
    switch self {
    case .set, .anchor, .repetition(.set, _, _, _): 1
    case .sequence(let parts), .alternatives(let parts): parts.reduce(0) { $0 + $1.size + 2 }
    case .repetition(let part, let least, let greatest, _): (part.size + 2) * max(least, greatest ?? 1, 1)
    case .look(let part, _), .atomic(let part): part.size + 2
    }
  }
}
