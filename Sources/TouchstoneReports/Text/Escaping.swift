import TouchstoneModel

/// Text from outside, made harmless for one form.
package enum Escaping {
  /// One line without anything that a terminal obeys or that reorders what a person reads.
  package static func line(_ text: String) -> String {
    DisplayText.line(text)
  }

  /// The content of an element or of a quoted attribute, in HTML and in XML 1.0.
  ///
  /// Scalar by scalar: a mark that combines with `<` or `"` does not hide it.
  static func markup(_ text: String) -> String {
    replacingScalars(line(text)) { scalar in
      switch scalar {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "\"": "&quot;"
      case "'": "&#39;"
      // XML 1.0 cannot hold these two at all.
      case "\u{FFFE}", "\u{FFFF}": "\u{FFFD}"
      default: nil
      }
    }
  }

  /// Inline Markdown: every sign that could begin markup as a character reference, which never does.
  static func markdown(_ text: String) -> String {
    replacingScalars(line(text)) { scalar in
      switch scalar {
      case " ", ",", ";", "/", "-", ".", "(", ")", "%", "a"..."z", "A"..."Z", "0"..."9": nil
      default: scalar.isASCII ? "&#\(scalar.value);" : nil
      }
    }
  }

  private static func replacingScalars(_ text: String, _ replacement: (Unicode.Scalar) -> String?) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if let other = replacement(scalar) {
        result.append(contentsOf: other.unicodeScalars)
      } else {
        result.append(scalar)
      }
    }
    return String(result)
  }
}
