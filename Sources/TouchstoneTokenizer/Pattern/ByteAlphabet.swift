/// The printable characters by which vocabulary files write bytes, one for each.
///
/// A byte that Latin-1 prints stands for itself, the others follow from U+0100 on (`bytes_to_unicode` of the GPT-2
/// release); a space is `Ġ`.
enum ByteAlphabet {
  /// The character of each byte.
  static let characters: [Unicode.Scalar] = {
    var unprintable: UInt8 = 0
    return (UInt8.min...UInt8.max).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(byte)
      default:
        defer { unprintable += 1 }
        return Unicode.Scalar(UInt16(0x100) + UInt16(unprintable)) ?? "\u{FFFD}"
      }
    }
  }()

  /// The byte of each character, by its scalar value.
  private static let byteValues: [UInt8?] = {
    var values = [UInt8?](repeating: nil, count: 0x200)
    for (byte, character) in zip(UInt8.min...UInt8.max, characters) { values[Int(character.value)] = byte }
    return values
  }()

  /// The bytes that `text` writes; nil if it has a character that stands for none.
  static func bytes(of text: some Sequence<Unicode.Scalar>) -> [UInt8]? {
    var bytes: [UInt8] = []
    for scalar in text {
      guard scalar.value < byteValues.count, let byte = byteValues[Int(scalar.value)] else { return nil }
      bytes.append(byte)
    }
    return bytes
  }

  /// The UTF-8 of each byte's character.
  private static let spellings = characters.map { Array(String($0).utf8) }

  /// How a vocabulary file writes `bytes`, in UTF-8.
  static func spelling(of bytes: some Collection<UInt8>) -> [UInt8] {
    let spellings = Self.spellings
    var spelling: [UInt8] = []
    spelling.reserveCapacity(2 * bytes.count)
    for byte in bytes { spelling += spellings[Int(byte)] }
    return spelling
  }

  /// How a vocabulary file writes `bytes`.
  static func text(of bytes: some Sequence<UInt8>) -> String {
    var text = String.UnicodeScalarView()
    for byte in bytes { text.append(characters[Int(byte)]) }
    return String(text)
  }
}
