import Foundation

/// A JSON document whose types are not known beforehand, such as a model's `config.json`.
public enum JSONValue: Sendable, Equatable, Decodable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// Reads any JSON value, keeping whole numbers and fractions apart.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  /// Parses UTF-8 text.
  ///
  /// - Throws: ``BadInput`` naming `file` when the text is not JSON.
  public static func parse(_ text: Data, file: String) throws(BadInput) -> JSONValue {
    do {
      return try JSONDecoder().decode(JSONValue.self, from: text)
    } catch {
      throw BadInput(
        file: file, problem: "is not valid JSON", remedy: "fetch it again or repair it by hand")
    }
  }

  /// The members of an object; nil for anything else.
  public var object: [String: JSONValue]? {
    if case .object(let members) = self { members } else { nil }
  }
}
