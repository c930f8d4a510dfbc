/// One well-formed UTF-8 sequence (Unicode 17, table 3-7), read from bytes that need not be UTF-8.
struct UTF8Scalar {
  let value: UInt32
  let length: Int

  /// The scalar at the front of `bytes`; nil where they are empty, ill-formed or end too soon.
  init?(_ bytes: ArraySlice<UInt8>) {
    guard let lead = bytes.first, let length = Self.length(lead: lead) else { return nil }
    guard bytes.count >= length else { return nil }
    // The lead keeps 7, 5, 4 or 3 bits of the value, each of the others 6.
    var value = length == 1 ? UInt32(lead) : UInt32(lead) & (0x7F >> UInt32(length))
    for offset in 1..<max(length, 1) {
      let byte = bytes[bytes.startIndex + offset]
      guard Self.allowed(at: offset, lead: lead).contains(byte) else { return nil }
      value = value << 6 | UInt32(byte & 0x3F)
    }
    self.value = value
    self.length = length
  }

  /// The scalar that `bytes` end with; nil where they are empty or the last of them belong to none.
  static func last(of bytes: ArraySlice<UInt8>) -> UTF8Scalar? {
    for count in 1...4 where count <= bytes.count {
      if let scalar = UTF8Scalar(bytes[(bytes.endIndex - count)...]) {
        return scalar.length == count ? scalar : nil
      }
    }
    return nil
  }

  /// How many bytes at the end of `bytes` begin a sequence that more bytes could complete: 0 to 3.
  static func incompleteSuffixCount(of bytes: [UInt8]) -> Int {
    for count in 1...3 where count <= bytes.count {
      let suffix = bytes[(bytes.count - count)...]
      guard let lead = suffix.first, let length = length(lead: lead), length > count else { continue }
      let continues = (1..<count).allSatisfy {
        allowed(at: $0, lead: lead).contains(suffix[suffix.startIndex + $0])
      }
      if continues { return count }
    }
    return 0
  }

  private static func length(lead: UInt8) -> Int? {
    switch lead {
    case 0x00...0x7F: 1
    case 0xC2...0xDF: 2
    case 0xE0...0xEF: 3
    case 0xF0...0xF4: 4
    default: nil
    }
  }

  /// The second byte excludes overlong forms, surrogates and what lies beyond U+10FFFF.
  private static func allowed(at offset: Int, lead: UInt8) -> ClosedRange<UInt8> {
    guard offset == 1 else { return 0x80...0xBF }
    switch lead {
    case 0xE0: return 0xA0...0xBF
    case 0xED: return 0x80...0x9F
    case 0xF0: return 0x90...0xBF
    case 0xF4: return 0x80...0x8F
    default: return 0x80...0xBF
    }
  }
}
