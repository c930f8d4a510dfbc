import TouchstoneModel

/// What a step of a tokenizer looks for in a text: a string as it stands, or a regular expression.
struct Pattern: Sendable {
  private enum Kind: Sendable {
    case literal([UInt8])
    case expression(PatternProgram)
  }

  /// One stretch of a text, matched or between two matches.
  struct Part {
    let range: Range<Int>
    let isMatch: Bool
  }

  private let kind: Kind
  /// Whether it can match without taking a character.
  let canBeEmpty: Bool

  /// Finds a string, character by character.
  init(literal text: String) {
    kind = .literal(Array(text.utf8))
    canBeEmpty = text.isEmpty
  }

  /// Finds what a regular expression matches.
  ///
  /// - Throws: ``BadInput`` naming what of it is not supported.
  init(_ expression: String) throws(BadInput) {
    let node = try PatternParser.parse(expression)
    kind = .expression(PatternProgram(node))
    canBeEmpty = node.canBeEmpty
  }

  /// The matches and what stands between them, in order: all of `bytes`.
  ///
  /// A match of no character is one where no other ends. Empty bytes are one part, not matched.
  ///
  /// - Throws: ``BadInput`` where an expression takes far longer than the text is.
  func parts(of bytes: ArraySlice<UInt8>) throws(BadInput) -> [Part] {
    guard !bytes.isEmpty else { return [Part(range: bytes.indices, isMatch: false)] }
    let matches =
      switch kind {
      case .literal(let text): Self.matches(of: text, in: bytes)
      case .expression(let program): try Self.matches(of: program, in: bytes)
      }
    var parts: [Part] = []
    var end = bytes.startIndex
    for match in matches {
      if match.lowerBound > end { parts.append(Part(range: end..<match.lowerBound, isMatch: false)) }
      parts.append(Part(range: match, isMatch: true))
      end = match.upperBound
    }
    if end < bytes.endIndex { parts.append(Part(range: end..<bytes.endIndex, isMatch: false)) }
    return parts
  }

  /// `bytes` with every match replaced.
  func replacing(in bytes: ArraySlice<UInt8>, with replacement: [UInt8]) throws(BadInput) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    for part in try parts(of: bytes) { result += part.isMatch ? replacement[...] : bytes[part.range] }
    return result
  }

  private static func matches(of text: [UInt8], in bytes: ArraySlice<UInt8>) -> [Range<Int>] {
    guard let first = text.first else { return [] }
    var matches: [Range<Int>] = []
    var position = bytes.startIndex
    while let start = bytes[position...].firstIndex(of: first) {
      if bytes[start...].starts(with: text) {
        matches.append(start..<start + text.count)
        position = start + text.count
      } else {
        position = start + 1
      }
    }
    return matches
  }

  private static func matches(
    of program: PatternProgram, in bytes: ArraySlice<UInt8>
  ) throws(BadInput) -> [Range<Int>] {
    var matcher = PatternMatcher(program, bytes)
    var matches: [Range<Int>] = []
    var position = bytes.startIndex
    while position <= bytes.endIndex, let match = try matcher.firstMatch(from: position) {
      if match.isEmpty, match.lowerBound == matches.last?.upperBound {
        // No empty match right behind another: the search goes on one character further.
        guard match.upperBound < bytes.endIndex else { break }
        position = match.upperBound + (UTF8Scalar(bytes[match.upperBound...])?.length ?? 1)
      } else {
        matches.append(match)
        position = match.upperBound
      }
    }
    return matches
  }
}

/// What happens to the matches of a pattern when a text is split at them.
enum SplitBehavior: String, Sendable {
  /// Each match stands by itself.
  case isolated = "Isolated"
  /// Matches are dropped.
  case removed = "Removed"
  /// Each match goes to what stands before it.
  case mergedWithPrevious = "MergedWithPrevious"
  /// Each match goes to what stands behind it.
  case mergedWithNext = "MergedWithNext"
  /// Matches that touch are one.
  case contiguous = "Contiguous"

  /// The stretches that remain of `parts`.
  func ranges(of parts: [Pattern.Part]) -> [Range<Int>] {
    switch self {
    case .isolated: return parts.map(\.range)
    case .removed: return parts.filter { !$0.isMatch }.map(\.range)
    case .contiguous: return Self.joined(parts) { $0.isMatch == $1 }
    case .mergedWithPrevious: return Self.joined(parts) { $0.isMatch && !$1 }
    case .mergedWithNext: return Self.joined(parts.reversed()) { $0.isMatch && !$1 }.reversed()
    }
  }

  /// Joins a part to the one before it where `joins` says so, given whether that one was a match.
  private static func joined(
    _ parts: [Pattern.Part], where joins: (Pattern.Part, _ previousIsMatch: Bool) -> Bool
  ) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var previousIsMatch = false
    for part in parts {
      if joins(part, previousIsMatch), let last = ranges.popLast() {
        ranges.append(
          min(last.lowerBound, part.range.lowerBound)..<max(last.upperBound, part.range.upperBound))
      } else {
        ranges.append(part.range)
      }
      previousIsMatch = part.isMatch
    }
    return ranges
  }
}
