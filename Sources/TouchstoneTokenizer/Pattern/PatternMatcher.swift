import TouchstoneModel

/// Runs a compiled pattern over bytes: the leftmost match, of it the one that backtracking finds first.
struct PatternMatcher {
  /// Where to go on when what was tried fails.
  private struct Alternative {
    let instruction: Int
    /// The place to go on at.
    var position: Int
    /// The least place that a run may give back to, or for a lazy run the greatest it may take.
    let limit: Int
    /// For a lazy run: the set whose characters it may still take.
    let lazySet: Int?
  }

  private let program: PatternProgram
  private let bytes: ArraySlice<UInt8>
  /// How many steps are left: a pattern that takes far more than its text is long is given up.
  private var budget: Int

  init(_ program: PatternProgram, _ bytes: ArraySlice<UInt8>) {
    self.program = program
    self.bytes = bytes
    self.budget = 1 << 22 + bytes.count * 4096
  }

  /// The first match that starts at `position` or later.
  mutating func firstMatch(from position: Int) throws(BadInput) -> Range<Int>? {
    var start = position
    while start <= bytes.endIndex {
      if let end = try end(from: 0, at: start) { return start..<end }
      guard start < bytes.endIndex else { return nil }
      start += character(at: start).length
    }
    return nil
  }

  /// Where the match ends that the instructions from `first` on find at `start`; nil where there is none.
  ///
  /// Calls itself only for the parts of a pattern that stand inside others.
  private mutating func end(from first: Int, at start: Int) throws(BadInput) -> Int? {
    var alternatives: [Alternative] = []
    var next = first
    var position = start
    while true {
      budget -= 1
      guard budget > 0 else {
        throw BadInput(
          problem: "the tokenizer's pattern takes too long on this text", remedy: "give a shorter text")
      }
      var matches = true
      switch program.instructions[next] {
      case .accept: return position
      case .set(let set):
        let (scalar, length) = character(at: position)
        matches = length > 0 && program.sets[set].contains(scalar)
        position += length
        next += 1
      case .run(let set, let least, let greatest, let greed):
        let wanted = greed == .lazy ? least : greatest
        let (end, count, leastEnd) = run(of: set, from: position, upTo: wanted, least: least)
        budget -= count
        matches = count >= least
        next += 1
        if matches, greed == .greedy, end > leastEnd {
          alternatives.append(Alternative(instruction: next, position: end, limit: leastEnd, lazySet: nil))
        } else if matches, greed == .lazy, greatest > least {
          alternatives.append(
            Alternative(instruction: next, position: end, limit: greatest - least, lazySet: set))
        }
        position = end
      case .choice(let one, let other):
        alternatives.append(
          Alternative(instruction: other, position: position, limit: position, lazySet: nil))
        next = one
      case .jump(let target): next = target
      case .anchor(let anchor):
        matches = holds(anchor, at: position)
        next += 1
      case .look(let negated, let after):
        matches = (try end(from: next + 1, at: position) != nil) != negated
        next = after
      case .atomic(let after):
        if let end = try end(from: next + 1, at: position) { position = end } else { matches = false }
        next = after
      }
      if !matches {
        guard let place = back(&alternatives) else { return nil }
        (next, position) = place
      }
    }
  }

  /// The last place where something else can be tried.
  private func back(_ alternatives: inout [Alternative]) -> (instruction: Int, position: Int)? {
    while var last = alternatives.popLast() {
      if let set = last.lazySet {
        let (scalar, length) = character(at: last.position)
        guard length > 0, program.sets[set].contains(scalar) else { continue }
        last.position += length
        if last.limit > 1 {
          alternatives.append(
            Alternative(
              instruction: last.instruction, position: last.position, limit: last.limit - 1, lazySet: set))
        }
        return (last.instruction, last.position)
      }
      if last.position > last.limit {
        // A greedy run gives its last character back.
        last.position -= characterLength(before: last.position)
        if last.position > last.limit { alternatives.append(last) }
      }
      return (last.instruction, last.position)
    }
    return nil
  }

  /// The characters of a set from `start` on, `greatest` at most, and where the first `least` of them end.
  private func run(
    of set: Int, from start: Int, upTo greatest: Int, least: Int
  ) -> (end: Int, count: Int, leastEnd: Int) {
    let set = program.sets[set]
    var end = start
    var count = 0
    var leastEnd = start
    while count < greatest, end < bytes.endIndex {
      let (scalar, length) = character(at: end)
      guard set.contains(scalar) else { break }
      end += length
      count += 1
      if count == least { leastEnd = end }
    }
    return (end, count, leastEnd)
  }

  /// The character at a place and its bytes; a byte of no character has length 1, the end 0.
  private func character(at position: Int) -> (scalar: UInt32, length: Int) {
    guard position < bytes.endIndex else { return (ScalarSet.noCharacter, 0) }
    let byte = bytes[position]
    if byte < 0x80 { return (UInt32(byte), 1) }
    guard let scalar = UTF8Scalar(bytes[position...]) else { return (ScalarSet.noCharacter, 1) }
    return (scalar.value, scalar.length)
  }

  private func characterLength(before position: Int) -> Int {
    UTF8Scalar.last(of: bytes[..<position])?.length ?? 1
  }

  private func holds(_ anchor: PatternProgram.Anchor, at position: Int) -> Bool {
    let newline = UInt8(ascii: "\n")
    switch anchor {
    case .textStart: return position == bytes.startIndex
    case .textEnd: return position == bytes.endIndex
    case .lineStart:
      return position == bytes.startIndex
        || bytes[position - 1] == newline && position < bytes.endIndex
    case .lineEnd: return position == bytes.endIndex || bytes[position] == newline
    case .lastLineEnd:
      return position == bytes.endIndex || position + 1 == bytes.endIndex && bytes[position] == newline
    case .wordBoundary, .noWordBoundary:
      let before = UTF8Scalar.last(of: bytes[..<position]).flatMap { Unicode.Scalar($0.value) }
      let after = Unicode.Scalar(character(at: position).scalar)
      let isBoundary = (before?.isWordCharacter ?? false) != (after?.isWordCharacter ?? false)
      return isBoundary == (anchor == .wordBoundary)
    }
  }
}
