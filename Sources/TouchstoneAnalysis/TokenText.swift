import TouchstoneModel
import TouchstoneTokenizer

/// How tokens are shown to a person: spaces and line ends visible, bytes that are no text in hexadecimal.
public struct TokenText: Sendable {
  private let tokenizer: Tokenizer?

  /// Shows the tokens of a vocabulary; ids alone where there is none.
  public init(_ tokenizer: Tokenizer?) {
    self.tokenizer = tokenizer
  }

  /// The bytes of a token; nil for an id that the tokenizer does not have.
  public func bytes(_ id: Int) -> [UInt8]? {
    try? tokenizer?.token(id)
  }

  /// The token in double quotes, such as `" king"`, `"\n"` or `"\xE2\x80"`; `#7` where its text is not known.
  public func quoted(_ id: Int) -> String {
    bytes(id).map(Self.quoted) ?? "#\(id)"
  }

  /// The token with `·` for each space, for pictures; `#7` where its text is not known.
  public func visible(_ id: Int) -> String {
    bytes(id).map(Self.visible) ?? "#\(id)"
  }

  /// Text in double quotes, what cannot be seen written out.
  public static func quoted(_ bytes: [UInt8]) -> String {
    "\"" + escaped(bytes, quotes: true) + "\""
  }

  /// Text with `·` for each space and `⏎` for each line end, what else cannot be seen written out.
  public static func visible(_ bytes: [UInt8]) -> String {
    escaped(bytes, quotes: false).replacing("\\n", with: "⏎").replacing(" ", with: "·")
  }

  private static func escaped(_ bytes: [UInt8], quotes: Bool) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      return bytes.map(escaped).joined()
    }
    return text.unicodeScalars.map { scalar in
      switch scalar {
      case "\n": "\\n"
      case "\t": "\\t"
      case "\r": "\\r"
      case "\"" where quotes: "\\\""
      case "\\" where quotes: "\\\\"
      default: isPrintable(scalar) ? String(scalar) : "\\u{\(String(scalar.value, radix: 16))}"
      }
    }.joined()
  }

  private static func escaped(_ byte: UInt8) -> String {
    if (0x20..<0x7f).contains(byte) { return String(UnicodeScalar(byte)) }
    return "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
  }

  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
      .nonspacingMark, .enclosingMark:
      false
    default: true
    }
  }
}
