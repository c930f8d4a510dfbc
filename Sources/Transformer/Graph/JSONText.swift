import TouchstoneModel

/// A JSON value to be written, whose members keep the order in which they are given.
package indirect enum JSONText: Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  /// A finite number, written in the fewest digits that give it back.
  case number(Double)
  case string(String)
  case array([JSONText])
  case object([(name: String, value: JSONText)])

  /// A whole number, or null.
  static func optional(_ value: Int?) -> JSONText { value.map { .integer($0) } ?? .null }

  /// A number, or null.
  static func optional(_ value: Double?) -> JSONText { value.map { .number($0) } ?? .null }

  /// A value that was read.
  init(_ value: JSONValue) {
    switch value {
    case .null: self = .null
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .integer(value)
    case .number(let value): self = .number(value)
    case .string(let text): self = .string(text)
    case .array(let elements): self = .array(elements.map(JSONText.init))
    case .object(let members):
      self = .object(members.sorted { $0.key < $1.key }.map { ($0.key, JSONText($0.value)) })
    case .spelledObject(let members):
      self = .object(members.map { ($0.name, JSONText($0.value)) })
    }
  }

  /// An object with a line for each member; any other value without white space.
  package var indented: String {
    guard case .object(let members) = self, !members.isEmpty else { return compact }
    let lines = members.map { "  " + JSONValue.quoted($0.name) + ": " + $0.value.compact }
    return "{\n" + lines.joined(separator: ",\n") + "\n}"
  }

  /// The value without white space.
  var compact: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .string(let text): JSONValue.quoted(text)
    case .array(let elements): "[" + elements.map(\.compact).joined(separator: ", ") + "]"
    case .object(let members):
      "{" + members.map { JSONValue.quoted($0.name) + ": " + $0.value.compact }.joined(separator: ", ") + "}"
    }
  }
}
