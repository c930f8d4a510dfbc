import TouchstoneModel

/// A part of `tokenizer.json` or `tokenizer_config.json`, and where it stands.
struct Component {
  let value: JSONValue
  /// Such as `pre_tokenizer.pretokenizers[1]`; empty for the whole document.
  let place: String

  /// A member that is there and not null.
  func member(_ name: String) -> Component? {
    guard let value = value.object?[name], value != .null else { return nil }
    return Component(value: value, place: place.isEmpty ? name : place + "." + name)
  }

  /// A member that must be there.
  func needed(_ name: String) throws(BadInput) -> Component {
    guard let member = member(name) else { throw refusal("lacks the field \(name)") }
    return member
  }

  /// What kind of step it is.
  var type: String { get throws(BadInput) { try needed("type").string } }

  var string: String {
    get throws(BadInput) {
      guard let string = value.string else { throw refusal("is not a string") }
      return string
    }
  }

  var bool: Bool {
    get throws(BadInput) {
      guard case .bool(let bool) = value else { throw refusal("is not true or false") }
      return bool
    }
  }

  var integer: Int {
    get throws(BadInput) {
      guard let integer = value.integer else { throw refusal("is not a whole number") }
      return integer
    }
  }

  var elements: [Component] {
    get throws(BadInput) {
      guard let array = value.array else { throw refusal("is not a list") }
      return array.enumerated().map { Component(value: $1, place: "\(place)[\($0)]") }
    }
  }

  /// The members of an object, in no order.
  var members: [(name: String, value: Component)] {
    get throws(BadInput) {
      guard let members = value.members else { throw refusal("is not an object") }
      return members.map { ($0.name, Component(value: $0.value, place: "\(place).\($0.name)")) }
    }
  }

  /// A member's string; `fallback` where it is absent or null.
  func string(_ name: String, else fallback: String? = nil) throws(BadInput) -> String {
    if let member = member(name) { return try member.string }
    guard let fallback else { throw refusal("lacks the field \(name)") }
    return fallback
  }

  func bool(_ name: String, else fallback: Bool) throws(BadInput) -> Bool {
    try member(name)?.bool ?? fallback
  }

  /// A member's only character.
  func character(_ name: String) throws(BadInput) -> Unicode.Scalar {
    let member = try needed(name)
    let scalars = try member.string.unicodeScalars
    guard scalars.count == 1, let scalar = scalars.first else { throw member.refusal("is not one character") }
    return scalar
  }

  func refusal(_ problem: String, remedy: String = "write the tokenizer again") -> BadInput {
    BadInput(place: place.isEmpty ? nil : place, problem: problem, remedy: remedy)
  }

  /// Says that a kind of step is not supported.
  func unsupported(_ type: String) -> BadInput {
    refusal("\(type) is not supported", remedy: "give token ids instead of text")
  }

  /// What is thrown inside, said of this place.
  func located<T>(_ body: () throws(BadInput) -> T) throws(BadInput) -> T {
    do {
      return try body()
    } catch {
      var error = error
      error.place = error.place ?? place
      throw error
    }
  }
}

/// `token` for a message: in quotes, cut short, without control characters.
func quoted(_ token: some Sequence<UInt8>) -> String {
  let scalars = String(decoding: Array(token), as: UTF8.self).unicodeScalars
  return "\"" + shortened(scalars) + "\""
}

/// The beginning of a text for a message, without control characters.
func shortened(_ scalars: some Collection<Unicode.Scalar>) -> String {
  let shown = scalars.prefix(40).map { scalar in
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: "\u{FFFD}" as Unicode.Scalar
    default: scalar
    }
  }
  return String(String.UnicodeScalarView(shown)) + (scalars.count > 40 ? "…" : "")
}
