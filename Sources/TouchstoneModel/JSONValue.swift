import Foundation

/// One member of a JSON object.
public struct JSONMember: Sendable, Equatable {
  /// Its name, as it is spelt.
  public let name: String
  /// What it holds.
  public let value: JSONValue
}

/// A JSON document whose types are not known beforehand, such as a model's `config.json`.
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number written without fraction or exponent that fits an `Int`.
  case integer(Int)
  /// Any other number.
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])
  /// An object of which some names are equal as text but spelt in other characters (é in one or in two): Swift's
  /// strings, and so a dictionary's keys, do not tell them apart. Vocabularies hold such tokens.
  case spelledObject([JSONMember])

  /// Parses UTF-8 text (RFC 8259), more strictly than most: a member given twice is refused, and so is
  /// nesting deeper than ``greatestDepth``.
  ///
  /// A byte order mark in front is skipped (§8.1).
  ///
  /// - Throws: ``BadInput`` naming `file`, if one is given, and the byte at which the text stops being JSON.
  public static func parse(_ text: Data, file: String? = nil) throws(BadInput) -> JSONValue {
    do {
      let bytes = [UInt8](text)
      var parser = JSONParser(bytes: bytes, from: try ByteOrderMark.length(in: bytes))
      return try parser.document()
    } catch {
      throw file.map(error.inFile) ?? error
    }
  }

  /// How many arrays and objects may stand inside one another: bounds the stack that parsing takes.
  public static let greatestDepth = 128

  /// The members of an object; nil for anything else.
  public var object: [String: JSONValue]? {
    if case .object(let members) = self { members } else { nil }
  }

  /// The members of an object, in no order, each name as it is spelt; nil for anything else.
  public var members: [JSONMember]? {
    switch self {
    case .object(let members): members.map { JSONMember(name: $0, value: $1) }
    case .spelledObject(let members): members
    default: nil
    }
  }

  /// The elements of an array; nil for anything else.
  public var array: [JSONValue]? {
    if case .array(let elements) = self { elements } else { nil }
  }

  /// A string; nil for anything else.
  public var string: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// A whole number; nil for anything else, 1.0 included.
  public var integer: Int? {
    if case .integer(let value) = self { value } else { nil }
  }

  /// A number, whole or not; nil for anything else.
  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// `text` as a JSON string, quotes included.
  ///
  /// Every control character is escaped, U+007F to U+009F too: the text may be shown on a terminal.
  public static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{0}"..<" ", "\u{7F}"..."\u{9F}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
