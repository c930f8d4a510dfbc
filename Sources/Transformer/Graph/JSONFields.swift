import TouchstoneModel

/// Typed access to the members of a JSON object, which remembers the members that were read.
///
/// null counts as absent, unless somebody asks for it.
package struct JSONFields: Sendable {
  private let members: [String: JSONValue]
  /// The members whose null was asked for: it says something else than their absence.
  private var tellingNulls: Set<String> = []
  /// The names that nobody asked for so far.
  package private(set) var unread: Set<String>

  /// Reads the members of an object.
  package init(_ members: [String: JSONValue]) {
    self.members = members
    unread = Set(members.keys)
  }

  /// - Throws: ``BadInput`` if `value` is no object.
  init(_ value: JSONValue) throws(BadInput) {
    guard let members = value.object else { throw .graph("is not an object") }
    self.init(members)
  }

  /// These members with those of `other`, which win.
  package func overlaid(by other: JSONFields) -> JSONFields {
    JSONFields(members.merging(other.members) { $1 })
  }

  /// The member of that name; nil where it is absent or null.
  package mutating func value(_ name: String) -> JSONValue? {
    unread.remove(name)
    guard let value = members[name], value != .null else { return nil }
    return value
  }

  /// Whether a member is null, for one whose absence says something else.
  package mutating func isNull(_ name: String) -> Bool {
    unread.remove(name)
    guard members[name] == .null else { return false }
    tellingNulls.insert(name)
    return true
  }

  /// A whole number.
  ///
  /// - Throws: ``BadInput`` naming the member if it is something else.
  package mutating func integer(_ name: String) throws(BadInput) -> Int? {
    try value(name).map { value throws(BadInput) in
      guard let number = value.integer else { throw Self.wrongType(name, "a whole number") }
      return number
    }
  }

  /// A number.
  ///
  /// - Throws: ``BadInput`` naming the member if it is something else.
  package mutating func number(_ name: String) throws(BadInput) -> Double? {
    try value(name).map { value throws(BadInput) in
      guard let number = value.number else { throw Self.wrongType(name, "a number") }
      return number
    }
  }

  /// Numbers.
  ///
  /// - Throws: ``BadInput`` naming the member if it is something else.
  package mutating func numbers(_ name: String) throws(BadInput) -> [Double]? {
    try elements(name, "an array of numbers", \.number)
  }

  /// Whole numbers.
  ///
  /// - Throws: ``BadInput`` naming the member if it is something else.
  package mutating func integers(_ name: String) throws(BadInput) -> [Int]? {
    try elements(name, "an array of whole numbers", \.integer)
  }

  /// true or false.
  ///
  /// - Throws: ``BadInput`` naming the member if it is something else.
  package mutating func bool(_ name: String) throws(BadInput) -> Bool? {
    try value(name).map { value throws(BadInput) in
      guard case .bool(let bool) = value else { throw Self.wrongType(name, "true or false") }
      return bool
    }
  }

  /// A string.
  ///
  /// - Throws: ``BadInput`` naming the member if it is something else.
  package mutating func string(_ name: String) throws(BadInput) -> String? {
    try value(name).map { value throws(BadInput) in
      guard let text = value.string else { throw Self.wrongType(name, "a string") }
      return text
    }
  }

  /// Strings.
  ///
  /// - Throws: ``BadInput`` naming the member if it is something else.
  package mutating func strings(_ name: String) throws(BadInput) -> [String]? {
    try elements(name, "an array of strings", \.string)
  }

  private mutating func elements<Element>(
    _ name: String, _ wanted: String, _ read: (JSONValue) -> Element?
  ) throws(BadInput) -> [Element]? {
    guard let value = value(name) else { return nil }
    let elements = value.array?.compactMap(read)
    guard let elements, elements.count == value.array?.count else { throw Self.wrongType(name, wanted) }
    return elements
  }

  /// An array.
  ///
  /// - Throws: ``BadInput`` naming the member if it is something else.
  package mutating func array(_ name: String) throws(BadInput) -> [JSONValue]? {
    try value(name).map { value throws(BadInput) in
      guard let elements = value.array else { throw Self.wrongType(name, "an array") }
      return elements
    }
  }

  /// An object.
  ///
  /// - Throws: ``BadInput`` naming the member if it is something else.
  package mutating func object(_ name: String) throws(BadInput) -> JSONFields? {
    try value(name).map { value throws(BadInput) in
      guard let members = value.object else { throw Self.wrongType(name, "an object") }
      return JSONFields(members)
    }
  }

  /// The members that were read and are there, sorted by name.
  package var readText: JSONText {
    .object(
      members.filter { name, value in
        !unread.contains(name) && (value != .null || tellingNulls.contains(name))
      }
      .sorted { $0.key < $1.key }.map { ($0.key, JSONText($0.value)) })
  }

  /// A member that must be there.
  ///
  /// - Throws: ``BadInput`` naming it if it is not.
  package func required<Value>(_ name: String, _ value: Value?) throws(BadInput) -> Value {
    guard let value else {
      throw BadInput(place: name, problem: "is missing", remedy: "add it")
    }
    return value
  }

  /// A string that must be one of a closed set.
  ///
  /// - Throws: ``BadInput`` naming the member if it is missing or none of them.
  mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ name: String, of type: Choice.Type = Choice.self
  ) throws(BadInput) -> Choice {
    let text = try required(name, try string(name))
    guard let choice = Choice(rawValue: text) else {
      throw BadInput(
        place: name, problem: "\(JSONValue.quoted(text)) is not known",
        remedy: "known are " + Choice.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return choice
  }

  /// - Throws: ``BadInput`` naming a member that nobody read.
  func finish() throws(BadInput) {
    if let name = unread.min() {
      throw BadInput(place: JSONValue.quoted(name), problem: "is not known here", remedy: "remove it")
    }
  }

  private static func wrongType(_ name: String, _ wanted: String) -> BadInput {
    BadInput(place: name, problem: "is not \(wanted)", remedy: "correct the field")
  }
}

extension JSONValue {
  /// A number, whole or not; nil for anything else.
  var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
}

extension Optional {
  /// `map` that throws what its closure throws.
  fileprivate func map<Other>(
    _ transform: (Wrapped) throws(BadInput) -> Other
  ) throws(BadInput) -> Other? {
    switch self {
    case .some(let value): try transform(value)
    case .none: nil
    }
  }
}
