/// A pattern compiled for ``PatternMatcher``.
struct PatternProgram: Sendable {
  /// What a repetition tries first, and whether it gives anything back.
  enum Greed: Sendable {
    case greedy, lazy, possessive
  }

  /// A condition on a place that takes no character.
  enum Anchor: Sendable {
    case lineStart, lineEnd, textStart, textEnd, lastLineEnd, wordBoundary, noWordBoundary
  }

  enum Instruction: Sendable {
    /// One character of a set.
    case set(Int)
    /// Characters of a set, `least` to `greatest` of them.
    case run(Int, least: Int, greatest: Int, Greed)
    /// Goes on at the first place; at the second if that fails.
    case choice(Int, Int)
    case jump(Int)
    case anchor(Anchor)
    /// What follows it, up to its `accept`, must match here, or must not; then goes on at `next`.
    case look(negated: Bool, next: Int)
    /// What follows it, up to its `accept`, is matched once and for all; then goes on at `next`.
    case atomic(next: Int)
    case accept
  }

  private(set) var instructions: [Instruction] = []
  private(set) var sets: [ScalarSet] = []

  init(_ node: PatternNode) {
    emit(node)
    instructions.append(.accept)
  }

  private mutating func emit(_ node: PatternNode) {
    switch node {
    case .set(let expression):
      instructions.append(.set(index(of: expression)))
    case .anchor(let anchor):
      instructions.append(.anchor(anchor))
    case .sequence(let parts):
      for part in parts { emit(part) }
    case .alternatives(let parts):
      emitAlternatives(parts)
    case .look(let part, let negated):
      emitSubprogram(part) { .look(negated: negated, next: $0) }
    case .atomic(let part):
      emitSubprogram(part) { .atomic(next: $0) }
    case .repetition(.set(let expression), let least, let greatest, let greed):
      instructions.append(.run(index(of: expression), least: least, greatest: greatest ?? .max, greed))
    case .repetition(let part, let least, let greatest, .possessive):
      emitSubprogram(.repetition(part, least: least, greatest: greatest, .greedy)) { .atomic(next: $0) }
    case .repetition(let part, let least, let greatest, let greed):
      for _ in 0..<least { emit(part) }
      if let greatest {
        emitOptional(part, count: greatest - least, greed)
      } else {
        let start = reserve()
        emit(part)
        instructions.append(.jump(start))
        instructions[start] = choice(start + 1, instructions.count, greed)
      }
    }
  }

  private mutating func emitAlternatives(_ parts: [PatternNode]) {
    var ends: [Int] = []
    for part in parts.dropLast() {
      let start = reserve()
      emit(part)
      ends.append(reserve())
      instructions[start] = .choice(start + 1, instructions.count)
    }
    if let last = parts.last { emit(last) }
    for end in ends { instructions[end] = .jump(instructions.count) }
  }

  private mutating func emitOptional(_ part: PatternNode, count: Int, _ greed: Greed) {
    var starts: [Int] = []
    for _ in 0..<count {
      starts.append(reserve())
      emit(part)
    }
    for start in starts { instructions[start] = choice(start + 1, instructions.count, greed) }
  }

  private mutating func emitSubprogram(_ part: PatternNode, _ instruction: (Int) -> Instruction) {
    let start = reserve()
    emit(part)
    instructions.append(.accept)
    instructions[start] = instruction(instructions.count)
  }

  private func choice(_ inside: Int, _ after: Int, _ greed: Greed) -> Instruction {
    greed == .lazy ? .choice(after, inside) : .choice(inside, after)
  }

  /// A place for an instruction that is known later.
  private mutating func reserve() -> Int {
    instructions.append(.accept)
    return instructions.count - 1
  }

  private mutating func index(of expression: ScalarSet.Expression) -> Int {
    sets.append(ScalarSet(expression))
    return sets.count - 1
  }
}
