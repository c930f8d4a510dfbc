import TouchstoneModel

/// Reads a regular expression as Oniguruma, the engine of Hugging Face's tokenizers, understands it.
///
/// What is read: characters, `.`, sets with ranges, negation, sets within sets and `&&`, `\p{…}` with general
/// categories, `\s \d \w` and their opposites, alternatives, groups, `(?i:…)`, atomic groups, lookahead, every
/// quantifier, and the anchors `^ $ \A \z \Z \b \B`. Anything else is refused by name.
struct PatternParser {
  private let scalars: [Unicode.Scalar]
  private var position = 0
  private var isCaseless = false
  private var depth = 0

  /// More than any pattern in use; bounds the program and the depth of groups.
  private static let greatestSize = 20_000
  private static let greatestDepth = 50

  /// - Throws: ``BadInput`` naming what of the pattern is not supported.
  static func parse(_ pattern: String) throws(BadInput) -> PatternNode {
    var parser = PatternParser(scalars: Array(pattern.unicodeScalars))
    let node = try parser.alternatives()
    guard parser.position == parser.scalars.count else { throw parser.refusal("an unmatched )") }
    guard node.size <= greatestSize else { throw parser.refusal("repetitions of this extent") }
    return node
  }

  private init(scalars: [Unicode.Scalar]) {
    self.scalars = scalars
  }

  private mutating func alternatives() throws(BadInput) -> PatternNode {
    guard depth < Self.greatestDepth else { throw refusal("groups nested this deep") }
    depth += 1
    defer { depth -= 1 }
    var parts = [try sequence()]
    while take("|") { parts.append(try sequence()) }
    return parts.count == 1 ? parts[0] : .alternatives(parts)
  }

  private mutating func sequence() throws(BadInput) -> PatternNode {
    var parts: [PatternNode] = []
    while let next = peek(), next != "|", next != ")" {
      let isAnchor: Bool
      let part = try atom()
      if case .anchor = part {
        isAnchor = true
      } else if case .look = part {
        isAnchor = true
      } else {
        isAnchor = false
      }
      parts.append(try quantified(part, isAnchor: isAnchor))
    }
    return parts.count == 1 ? parts[0] : .sequence(parts)
  }

  private mutating func atom() throws(BadInput) -> PatternNode {
    let start = position
    guard let scalar = advance() else { return .sequence([]) }
    switch scalar {
    case "(": return try group()
    case "[": return .set(try set())
    case ".": return .set(.negation(.scalar(0x0A)))
    case "^": return .anchor(.lineStart)
    case "$": return .anchor(.lineEnd)
    case "*", "+", "?": throw refusal("a quantifier with nothing before it", from: start)
    case "\\":
      if let anchor = peek().flatMap({ Self.anchors[$0] }) {
        position += 1
        return .anchor(anchor)
      }
      return .set(try escape(from: start))
    default: return .set(literal(scalar.value))
    }
  }

  private static let anchors: [Unicode.Scalar: PatternProgram.Anchor] = [
    "A": .textStart, "z": .textEnd, "Z": .lastLineEnd, "b": .wordBoundary, "B": .noWordBoundary,
  ]

  /// What follows an opening parenthesis, and its closing one.
  private mutating func group() throws(BadInput) -> PatternNode {
    let start = position - 1
    let outerCase = isCaseless
    defer { isCaseless = outerCase }
    var wrap: (PatternNode) -> PatternNode = { $0 }
    if take("?") {
      if take("=") {
        wrap = { .look($0, negated: false) }
      } else if take("!") {
        wrap = { .look($0, negated: true) }
      } else if take(">") {
        wrap = { .atomic($0) }
      } else {
        let isOn = !take("-")
        if take("i") { isCaseless = isOn } else if !isOn { throw refusal("this group", from: start) }
        if take(")") {
          // (?i) holds up to the end of the group that it stands in, alternatives included.
          let rest = try alternatives()
          return rest
        }
        guard take(":") else { throw refusal("this kind of group", from: start) }
      }
    }
    let inner = try alternatives()
    guard take(")") else { throw refusal("a group that is not closed", from: start) }
    return wrap(inner)
  }

  private mutating func quantified(_ part: PatternNode, isAnchor: Bool) throws(BadInput) -> PatternNode {
    var part = part
    while true {
      let start = position
      guard let (least, greatest, isInterval) = try quantifier() else { return part }
      guard !isAnchor else { throw refusal("a quantifier on an anchor", from: start) }
      guard !part.canBeEmpty else { throw refusal("a quantifier on what may be empty", from: start) }
      var greed = PatternProgram.Greed.greedy
      if take("?") {
        greed = .lazy
      } else if !isInterval, take("+") {
        // After an interval, + is a quantifier of its own.
        greed = .possessive
      }
      part = .repetition(part, least: least, greatest: greatest, greed)
    }
  }

  private mutating func quantifier() throws(BadInput) -> (Int, Int?, isInterval: Bool)? {
    if take("*") { return (0, nil, false) }
    if take("+") { return (1, nil, false) }
    if take("?") { return (0, 1, false) }
    let start = position
    guard take("{") else { return nil }
    let least = number()
    let greatest = take(",") ? number() : least
    let isOpen = scalars[start..<position].last == ","
    guard take("}"), least != nil || greatest != nil else {
      position = start
      return nil
    }
    guard (least ?? 0) <= greatest ?? .max else { throw refusal("an interval that descends", from: start) }
    return (least ?? 0, isOpen ? nil : greatest, true)
  }

  private mutating func number() -> Int? {
    let start = position
    while let scalar = peek(), ("0"..."9").contains(scalar) { position += 1 }
    return Int(String(String.UnicodeScalarView(scalars[start..<position])))
  }

  // MARK: Sets

  /// What follows an opening bracket, and its closing one.
  private mutating func set() throws(BadInput) -> ScalarSet.Expression {
    let start = position - 1
    guard depth < Self.greatestDepth else { throw refusal("sets nested this deep", from: start) }
    depth += 1
    defer { depth -= 1 }
    let isNegated = take("^")
    var intersected: [ScalarSet.Expression] = []
    var members: [ScalarSet.Expression] = []
    var isFirst = true
    while let scalar = advance() {
      switch scalar {
      case "]" where !isFirst:
        intersected.append(.union(members))
        let all = intersected.count == 1 ? intersected[0] : .intersection(intersected)
        return isNegated ? .negation(all) : all
      case "[":
        if peek() == ":" { throw refusal("[:…:]", from: position - 1) }
        members.append(try set())
      case "&" where peek() == "&":
        position += 1
        intersected.append(.union(members))
        members = []
      default: members.append(try member(scalar))
      }
      isFirst = false
    }
    throw refusal("a set that is not closed", from: start)
  }

  /// A character, a class or a range that begins with `scalar`.
  private mutating func member(_ scalar: Unicode.Scalar) throws(BadInput) -> ScalarSet.Expression {
    let start = position - 1
    let low = scalar == "\\" ? try escape(from: start) : literal(scalar.value)
    guard peek() == "-", position + 1 < scalars.count, scalars[position + 1] != "]",
      let first = Self.single(low)
    else { return low }
    position += 1
    guard let next = advance() else { throw refusal("a set that is not closed", from: start) }
    guard next != "[" else { throw refusal("a range that ends in a set", from: start) }
    let high = next == "\\" ? try escape(from: position - 1) : literal(next.value)
    guard let last = Self.single(high), first <= last else {
      throw refusal("a range that does not ascend", from: start)
    }
    let range = ScalarSet.Expression.range(first...last)
    return isCaseless ? .caseless(range) : range
  }

  /// The one character of a set that has no other.
  private static func single(_ expression: ScalarSet.Expression) -> UInt32? {
    switch expression {
    case .range(let range) where range.count == 1: range.lowerBound
    case .caseless(let part): single(part)
    default: nil
    }
  }

  private func literal(_ value: UInt32) -> ScalarSet.Expression {
    isCaseless ? .caseless(.scalar(value)) : .scalar(value)
  }

  // MARK: Escapes

  /// What a backslash and what follows it stand for.
  private mutating func escape(from start: Int) throws(BadInput) -> ScalarSet.Expression {
    guard let scalar = advance() else { throw refusal("a backslash at the end") }
    switch scalar {
    case "s": return .whiteSpace
    case "S": return .negation(.whiteSpace)
    case "w": return .word
    case "W": return .negation(.word)
    case "d": return .categories(.decimalDigits)
    case "D": return .negation(.categories(.decimalDigits))
    case "p", "P": return try property(isNegated: scalar == "P", from: start)
    case "n": return literal(0x0A)
    case "r": return literal(0x0D)
    case "t": return literal(0x09)
    case "f": return literal(0x0C)
    case "v": return literal(0x0B)
    case "a": return literal(0x07)
    case "e": return literal(0x1B)
    case "x":
      return literal(try take("{") ? hexadecimal(1...8, closing: "}", start) : hexadecimal(1...2, start))
    case "u": return literal(try hexadecimal(4...4, start))
    case "0"..."9", "A"..."Z", "a"..."z": throw refusal("this escape", from: start)
    default: return literal(scalar.value)
    }
  }

  private mutating func property(isNegated: Bool, from start: Int) throws(BadInput) -> ScalarSet.Expression {
    guard take("{") else { throw refusal("this property", from: start) }
    let isInverted = take("^")
    let nameStart = position
    while let scalar = peek(), scalar != "}" { position += 1 }
    let name = String(String.UnicodeScalarView(scalars[nameStart..<position]))
    guard take("}"), let categories = ScalarSet.CategorySet(name: name) else {
      throw refusal("this property", from: start)
    }
    let set = ScalarSet.Expression.categories(categories)
    let cased = isCaseless ? ScalarSet.Expression.caseless(set) : set
    return isNegated != isInverted ? .negation(cased) : cased
  }

  private mutating func hexadecimal(
    _ counts: ClosedRange<Int>, closing: Unicode.Scalar? = nil, _ start: Int
  ) throws(BadInput) -> UInt32 {
    let first = position
    while let scalar = peek(), position - first < counts.upperBound, Character(scalar).isHexDigit {
      position += 1
    }
    let digits = String(String.UnicodeScalarView(scalars[first..<position]))
    guard counts.contains(position - first), closing.map({ take($0) }) ?? true,
      let value = UInt32(digits, radix: 16), Unicode.Scalar(value) != nil
    else { throw refusal("this escape", from: start) }
    return value
  }

  // MARK: Places

  private func peek() -> Unicode.Scalar? {
    position < scalars.count ? scalars[position] : nil
  }

  private mutating func advance() -> Unicode.Scalar? {
    defer { position += 1 }
    return peek()
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek() == scalar else { return false }
    position += 1
    return true
  }

  /// Says which part of the pattern cannot be read.
  private func refusal(_ what: String, from start: Int? = nil) -> BadInput {
    let part = scalars[min(start ?? position, scalars.count)..<min(position, scalars.count)]
    let shown = part.isEmpty ? "" : ", \(shortened(part))"
    return BadInput(
      problem: "has a pattern with \(what)\(shown), which is not supported",
      remedy: "write the pattern without it")
  }
}
