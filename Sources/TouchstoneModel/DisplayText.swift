/// Text of any origin, made fit for a person's eyes: a terminal shows it and does not obey it.
public enum DisplayText {
  /// One line without anything that a terminal obeys, that hides, or that reorders what a person reads: escaped as in
  /// JSON, a line feed as `\n` and others as `\u` and four hexadecimal digits.
  public static func line(_ text: String) -> String {
    escaped(text) { _ in false }
  }

  /// The same for text of several lines: line feeds and tabs stay.
  ///
  /// - Parameter keepsColors: whether the escape sequences that set colours (`ESC [ … m`) stay too.
  public static func block(_ text: String, keepsColors: Bool = false) -> String {
    guard keepsColors else { return escaped(text) { $0 == "\n" || $0 == "\t" } }
    let pieces = text.split(separator: "\u{1B}[", omittingEmptySubsequences: false)
    return pieces.enumerated().map { number, piece in
      let isColor = piece.drop { $0.isASCII && ($0.isNumber || $0 == ";") }.first == "m"
      return (number == 0 ? "" : isColor ? "\u{1B}[" : "\\u001B[") + block(String(piece))
    }.joined()
  }

  /// `text`, its middle replaced by an ellipsis where it has more than `count` characters: of long names it is the
  /// beginning and the end that tell.
  public static func shortened(_ text: String, to count: Int) -> String {
    guard text.count > count, count > 1 else { return text }
    return text.prefix(count / 2) + "…" + text.suffix(count - count / 2 - 1)
  }

  private static func escaped(_ text: String, except: (Unicode.Scalar) -> Bool) -> String {
    guard text.unicodeScalars.contains(where: { isUnfit($0) && !except($0) }) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      guard isUnfit(scalar), !except(scalar) else {
        result.unicodeScalars.append(scalar)
        continue
      }
      switch scalar {
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default:
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16, uppercase: true)
          result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
      }
    }
    return result
  }

  /// Controls, separators of lines, and marks without a shape of their own; the two joiners belong to the spelling of
  /// some scripts.
  private static func isUnfit(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7F }
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: return true
    case .format: return scalar != "\u{200C}" && scalar != "\u{200D}"
    default: return false
    }
  }
}
