import TouchstoneModel

/// A JSON value whose members keep the order in which they are given.
package enum OrderedJSON {
  case null
  case bool(Bool)
  case integer(Int)
  /// null in the text where it is not finite, since JSON has no such number.
  case number(Double)
  case string(String)
  case array([OrderedJSON])
  case object([(String, OrderedJSON)])

  /// A string, or null.
  package static func optional(_ text: String?) -> OrderedJSON {
    text.map { .string($0) } ?? .null
  }

  /// A number, or null.
  package static func optional(_ number: Double?) -> OrderedJSON {
    number.map { .number($0) } ?? .null
  }

  /// The text: arrays and objects that hold no others on one line, the rest indented.
  package func text(indent: String = "") -> String {
    switch self {
    case .null: return "null"
    case .bool(let value): return String(value)
    case .integer(let value): return String(value)
    case .number(let value): return value.isFinite ? "\(value)" : "null"
    case .string(let value): return JSONValue.quoted(value)
    case .array(let elements):
      return Self.bracketed("[", elements.map { ("", $0) }, "]", indent)
    case .object(let members):
      return Self.bracketed("{", members.map { (JSONValue.quoted($0.0) + ": ", $0.1) }, "}", indent)
    }
  }

  private var isNested: Bool {
    switch self {
    case .array, .object: true
    default: false
    }
  }

  private var isFlatArray: Bool {
    if case .array(let elements) = self { !elements.contains(where: \.isNested) } else { false }
  }

  private static func bracketed(
    _ open: String, _ items: [(key: String, value: OrderedJSON)], _ close: String, _ indent: String
  ) -> String {
    if items.isEmpty { return open + close }
    let isOneLine = indent != "" && items.allSatisfy { !$0.value.isNested || $0.value.isFlatArray }
    let inner = isOneLine ? " " : indent + "  "
    let texts = items.map { $0.key + $0.value.text(indent: isOneLine ? "  " : inner) }
    if isOneLine { return open + texts.joined(separator: ", ") + close }
    return open + "\n" + texts.map { inner + $0 }.joined(separator: ",\n") + "\n" + indent + close
  }
}
