/// How a token is shown to a person: spaces and line ends visible, bytes that are no text in hexadecimal.
public enum TokenText {
  /// The text in double quotes, such as `" king"`, `"\n"` or `"\xE2\x80"`.
  public static func quoted(_ bytes: [UInt8]) -> String {
    "\"" + escaped(bytes) + "\""
  }

  /// The text with `·` for each space, for pictures.
  public static func visible(_ bytes: [UInt8]) -> String {
    escaped(bytes).replacing("\\n", with: "⏎").replacing(" ", with: "·")
  }

  private static func escaped(_ bytes: [UInt8]) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      return bytes.map(escaped).joined()
    }
    return text.unicodeScalars.map { scalar in
      switch scalar {
      case "\n": "\\n"
      case "\t": "\\t"
      case "\r": "\\r"
      case "\"": "\\\""
      case "\\": "\\\\"
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
