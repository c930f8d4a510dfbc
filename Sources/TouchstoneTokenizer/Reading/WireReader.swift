import TouchstoneModel

/// The fields of a message in the wire format of protocol buffers, one after the other.
///
/// Places in messages are those of the whole file, for a message within a message is a slice of it.
struct WireReader {
  /// What a field holds.
  enum Value {
    case number(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    /// A text, bytes or a message.
    case bytes(ArraySlice<UInt8>)
  }

  /// A field and its value.
  struct Field {
    let number: Int
    let value: Value
    /// Where in the file it begins.
    let place: Int
  }

  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) {
    rest = bytes
  }

  /// The next field, whatever its number; nil at the end of the message.
  ///
  /// - Throws: ``BadInput`` where the message is cut off, or what stands there is no field.
  mutating func next() throws(BadInput) -> Field? {
    guard !rest.isEmpty else { return nil }
    let place = rest.startIndex
    let key = try varint()
    guard key >> 3 > 0, key >> 3 < 1 << 29 else { throw Self.damaged(place, "no field has this number") }
    let value: Value
    switch key & 7 {
    case 0: value = .number(try varint())
    case 1: value = .fixed64(try taken(8).reversed().reduce(0) { $0 << 8 | UInt64($1) })
    case 2: value = .bytes(try taken(varint()))
    case 5: value = .fixed32(try taken(4).reversed().reduce(0) { $0 << 8 | UInt32($1) })
    default: throw Self.damaged(place, "a field of the wire type \(key & 7) is not read")
    }
    return Field(number: Int(key >> 3), value: value, place: place)
  }

  /// Seven bits in each byte, the least first; 64 in all.
  private mutating func varint() throws(BadInput) -> UInt64 {
    let place = rest.startIndex
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 70, by: 7) {
      guard let byte = rest.popFirst() else { throw Self.damaged(place, "the file ends within a number") }
      // Of the tenth byte one bit is left.
      guard shift < 63 || byte <= 1 else { break }
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    throw Self.damaged(place, "a number has more than 64 bits")
  }

  private mutating func taken(_ count: UInt64) throws(BadInput) -> ArraySlice<UInt8> {
    guard count <= rest.count else {
      throw Self.damaged(rest.startIndex, "\(count) bytes are announced, and \(rest.count) are left")
    }
    defer { rest = rest.dropFirst(Int(count)) }
    return rest.prefix(Int(count))
  }

  fileprivate static func damaged(_ place: Int, _ problem: String) -> BadInput {
    BadInput(
      place: "byte \(place)", problem: "this is no SentencePiece model: \(problem)",
      remedy: "fetch the file again, or give the model's tokenizer.json")
  }
}

extension WireReader.Field {
  /// A text, bytes or a message.
  var bytes: ArraySlice<UInt8> {
    get throws(BadInput) {
      guard case .bytes(let bytes) = value else { throw mistyped("bytes") }
      return bytes
    }
  }

  /// An `int32` or an enumeration: negative ones are written as 64 bits.
  var integer: Int {
    get throws(BadInput) {
      guard case .number(let number) = value else { throw mistyped("a whole number") }
      return Int(Int32(truncatingIfNeeded: number))
    }
  }

  var bool: Bool {
    get throws(BadInput) {
      guard case .number(let number) = value else { throw mistyped("true or false") }
      return number != 0
    }
  }

  var float: Float {
    get throws(BadInput) {
      guard case .fixed32(let bits) = value else { throw mistyped("a number of 32 bits") }
      return Float(bitPattern: bits)
    }
  }

  private func mistyped(_ due: String) -> BadInput {
    WireReader.damaged(place, "the field \(number) is not \(due)")
  }
}
