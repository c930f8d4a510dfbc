/// A set of characters as a pattern writes it: `\p{L}`, `[^\r\n]`, `.`.
///
/// A byte that belongs to no well-formed character is in no range and no class, and so in every negation.
struct ScalarSet: Sendable {
  /// The value that stands for a byte outside every well-formed character.
  static let noCharacter = UInt32.max

  private let expression: Expression
  /// Membership of the first 128 characters.
  private let ascii: [Bool]

  init(_ expression: Expression) {
    self.expression = expression
    self.ascii = (0..<UInt32(128)).map(expression.contains)
  }

  func contains(_ scalar: UInt32) -> Bool {
    scalar < 128 ? ascii[Int(scalar)] : expression.contains(scalar)
  }
}

extension ScalarSet {
  /// What a set is made of.
  indirect enum Expression: Sendable {
    case range(ClosedRange<UInt32>)
    case categories(CategorySet)
    /// The property White_Space.
    case whiteSpace
    /// `\w`: Alphabetic, marks, decimal digits and connectors (Unicode Technical Standard 18, annex C).
    case word
    case union([Expression])
    case intersection([Expression])
    case negation(Expression)
    /// Whatever equals a member but for its case.
    case caseless(Expression)

    static func scalar(_ value: UInt32) -> Expression { .range(value...value) }

    func contains(_ scalar: UInt32) -> Bool {
      switch self {
      case .range(let range): range.contains(scalar)
      case .categories(let set): Unicode.Scalar(scalar).map { set.contains($0) } ?? false
      case .whiteSpace: Unicode.Scalar(scalar).map(\.properties.isWhitespace) ?? false
      case .word: Unicode.Scalar(scalar).map(\.isWordCharacter) ?? false
      case .union(let parts): parts.contains { $0.contains(scalar) }
      case .intersection(let parts): parts.allSatisfy { $0.contains(scalar) }
      case .negation(let part): !part.contains(scalar)
      case .caseless(let part):
        part.contains(scalar)
          || (Unicode.Scalar(scalar)?.caseVariants.contains { part.contains($0) } ?? false)
      }
    }
  }

  /// General categories, one bit each.
  struct CategorySet: OptionSet, Sendable {
    let rawValue: UInt32

    /// The category Nd.
    static let decimalDigits = CategorySet(.decimalNumber)

    func contains(_ scalar: Unicode.Scalar) -> Bool {
      contains(CategorySet(scalar.properties.generalCategory))
    }

    /// The set that Unicode calls by `name`: a category such as `Lu`, or a group of them such as `L`.
    init?(name: String) {
      let members = Self.names.indices.filter { Self.names[$0] == name || Self.names[$0].prefix(1) == name }
      guard !members.isEmpty else { return nil }
      self.rawValue = members.reduce(0) { $0 | 1 << UInt32($1) }
    }

    init(_ category: Unicode.GeneralCategory) {
      self.rawValue = 1 << UInt32(Self.index(of: category))
    }

    init(rawValue: UInt32) {
      self.rawValue = rawValue
    }

    private static let names = [
      "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf",
      "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
    ]

    private static func index(of category: Unicode.GeneralCategory) -> Int {
      switch category {
      case .uppercaseLetter: 0
      case .lowercaseLetter: 1
      case .titlecaseLetter: 2
      case .modifierLetter: 3
      case .otherLetter: 4
      case .nonspacingMark: 5
      case .spacingMark: 6
      case .enclosingMark: 7
      case .decimalNumber: 8
      case .letterNumber: 9
      case .otherNumber: 10
      case .connectorPunctuation: 11
      case .dashPunctuation: 12
      case .openPunctuation: 13
      case .closePunctuation: 14
      case .initialPunctuation: 15
      case .finalPunctuation: 16
      case .otherPunctuation: 17
      case .mathSymbol: 18
      case .currencySymbol: 19
      case .modifierSymbol: 20
      case .otherSymbol: 21
      case .spaceSeparator: 22
      case .lineSeparator: 23
      case .paragraphSeparator: 24
      case .control: 25
      case .format: 26
      case .surrogate: 27
      case .privateUse: 28
      case .unassigned: 29
      @unknown default: 29
      }
    }
  }
}

extension Unicode.Scalar {
  /// Whether `\w` matches it.
  var isWordCharacter: Bool {
    if properties.isAlphabetic { return true }
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return false
    }
  }

  /// Whether the property General_Category is a number's.
  var isNumeric: Bool {
    switch properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: true
    default: false
    }
  }

  /// The single characters that differ from it by case alone.
  var caseVariants: [UInt32] {
    func single(_ text: String) -> Unicode.Scalar? {
      text.unicodeScalars.count == 1 ? text.unicodeScalars.first : nil
    }
    let lower = single(properties.lowercaseMapping)
    let upper = single(properties.uppercaseMapping)
    let more = [
      upper.flatMap { single($0.properties.lowercaseMapping) },
      lower.flatMap { single($0.properties.uppercaseMapping) },
    ]
    return ([lower, upper] + more).compactMap { $0?.value }
  }
}
