/// A recursive-descent reader of JSON text (RFC 8259).
///
/// Foundation's readers accept a member that is given twice and keep one of the two; a header or a
/// configuration that contradicts itself must be refused instead.
struct JSONParser {
  private let bytes: [UInt8]
  private var position: Int
  private var depth = 0

  /// Reads `bytes` from `start` on.
  init(bytes: [UInt8], from start: Int = 0) {
    self.bytes = bytes
    self.position = start
  }

  /// The one value of the text, white space around it.
  mutating func document() throws(BadInput) -> JSONValue {
    let result = try value()
    skipSpace()
    guard position == bytes.count else { throw bad("something follows the end") }
    return result
  }

  private mutating func value() throws(BadInput) -> JSONValue {
    skipSpace()
    guard let first = peek() else { throw bad("the text ends too early") }
    switch first {
    case UInt8(ascii: "{"): return try nested { parser throws(BadInput) in try parser.object() }
    case UInt8(ascii: "["): return try nested { parser throws(BadInput) in try parser.array() }
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: return try word()
    }
  }

  private mutating func nested(
    _ read: (inout JSONParser) throws(BadInput) -> JSONValue
  ) throws(BadInput) -> JSONValue {
    guard depth < JSONValue.greatestDepth else {
      throw bad("more than \(JSONValue.greatestDepth) arrays and objects stand inside one another")
    }
    depth += 1
    defer { depth -= 1 }
    position += 1
    return try read(&self)
  }

  private mutating func object() throws(BadInput) -> JSONValue {
    var members = [String: JSONValue]()
    var others = [JSONMember]()
    var otherNames = Set<[UInt8]>()
    skipSpace()
    if take("}") { return .object(members) }
    repeat {
      skipSpace()
      guard peek() == UInt8(ascii: "\"") else { throw bad("a member's name is expected") }
      let name = try string()
      skipSpace()
      guard take(":") else { throw bad("a colon is expected") }
      let value = try value()
      if let index = members.index(forKey: name) {
        guard !members[index].key.utf8.elementsEqual(name.utf8), otherNames.insert(Array(name.utf8)).inserted
        else {
          throw bad("the member \(JSONValue.quoted(name)) is given twice")
        }
        others.append(JSONMember(name: name, value: value))
      } else {
        members[name] = value
      }
      skipSpace()
    } while take(",")
    guard take("}") else { throw bad("a comma or } is expected") }
    if others.isEmpty { return .object(members) }
    return .spelledObject(members.map { JSONMember(name: $0, value: $1) } + others)
  }

  private mutating func array() throws(BadInput) -> JSONValue {
    var elements = [JSONValue]()
    skipSpace()
    if take("]") { return .array(elements) }
    repeat {
      elements.append(try value())
      skipSpace()
    } while take(",")
    guard take("]") else { throw bad("a comma or ] is expected") }
    return .array(elements)
  }

  private mutating func word() throws(BadInput) -> JSONValue {
    for (word, value) in [("true", JSONValue.bool(true)), ("false", .bool(false)), ("null", .null)]
    where bytes[position...].starts(with: word.utf8) {
      position += word.utf8.count
      return value
    }
    throw bad("no JSON value starts here")
  }

  private mutating func number() throws(BadInput) -> JSONValue {
    let start = position
    var isWhole = true
    _ = take("-")
    if !take("0") { try digits() }
    if take(".") {
      isWhole = false
      try digits()
    }
    if take("e") || take("E") {
      isWhole = false
      if !take("-") { _ = take("+") }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isWhole, let whole = Int(text) { return .integer(whole) }
    guard let value = Double(text), value.isFinite else { throw bad("the number \(text) is out of range") }
    return .number(value)
  }

  private mutating func digits() throws(BadInput) {
    let start = position
    while let byte = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
    guard position > start else { throw bad("a digit is expected") }
  }

  /// A string, at its opening quote.
  private mutating func string() throws(BadInput) -> String {
    position += 1
    var content = [UInt8]()
    var plainStart = position
    while let byte = peek() {
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        let plain = bytes[plainStart..<position - 1]
        let text =
          content.isEmpty
          ? String(validating: plain, as: UTF8.self) : String(validating: content + plain, as: UTF8.self)
        guard let text else { throw bad("a string is not UTF-8") }
        return text
      case UInt8(ascii: "\\"):
        content += bytes[plainStart..<position - 1]
        content += try escape()
        plainStart = position
      case 0..<0x20: throw bad("a string holds a control character")
      default: break
      }
    }
    throw bad("a string is not closed")
  }

  /// What an escape stands for, in UTF-8, past its backslash.
  private mutating func escape() throws(BadInput) -> [UInt8] {
    guard let letter = peek() else { throw bad("a string is not closed") }
    position += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [letter]
    case UInt8(ascii: "b"): return [8]
    case UInt8(ascii: "f"): return [12]
    case UInt8(ascii: "n"): return [10]
    case UInt8(ascii: "r"): return [13]
    case UInt8(ascii: "t"): return [9]
    case UInt8(ascii: "u"):
      var units = [try codeUnit()]
      if UTF16.isLeadSurrogate(units[0]), take("\\") {
        guard take("u") else { throw bad("half a surrogate pair stands alone") }
        units.append(try codeUnit())
      }
      guard let text = String(validating: units, as: UTF16.self) else {
        throw bad("half a surrogate pair stands alone")
      }
      return Array(text.utf8)
    default: throw bad("no such escape")
    }
  }

  private mutating func codeUnit() throws(BadInput) -> UInt16 {
    guard position + 4 <= bytes.count else { throw bad("a string is not closed") }
    let digits = bytes[position..<position + 4]
    guard digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }),
      let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw bad("four hexadecimal digits are expected") }
    position += 4
    return unit
  }

  private func peek() -> UInt8? {
    position < bytes.count ? bytes[position] : nil
  }

  /// Steps over `character` if it stands here.
  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = peek(), byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
  }

  private func bad(_ problem: String) -> BadInput {
    BadInput(
      place: "byte \(position)", problem: "is not valid JSON: \(problem)",
      remedy: "fetch the file again or repair it by hand")
  }
}
