/// A small reproducible generator (SplitMix64).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Ways to spoil the header of a file.
enum Mutation: CaseIterable {
  case flipBit, replaceByte, insertByte, deleteByte, truncate, replaceNumber, repeatSlice

  /// `bytes` after one mutation before `headerEnd`; the data behind it stays as it is.
  static func mutated(
    _ bytes: [UInt8], headerEnd: Int, random: inout SplitMix
  ) -> [UInt8] {
    var bytes = bytes
    let place = Int.random(in: 0..<headerEnd, using: &random)
    let telling = Array("{}[]\",:0123456789-.eE\\ \u{0}".utf8)
    switch allCases.randomElement(using: &random) ?? .flipBit {
    case .flipBit: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case .replaceByte: bytes[place] = telling.randomElement(using: &random) ?? 0
    case .insertByte: bytes.insert(telling.randomElement(using: &random) ?? 0, at: place)
    case .deleteByte: bytes.remove(at: place)
    case .truncate: bytes.removeSubrange(place...)
    case .replaceNumber:
      let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
      guard let start = bytes[max(8, place)..<headerEnd].firstIndex(where: digits.contains) else { break }
      let end = bytes[start...].firstIndex { !digits.contains($0) } ?? bytes.endIndex
      let numbers = [
        "-1", "0", "1", "1.5", "1e3", "4611686018427387904", "9223372036854775807", "18446744073709551615",
        "null",
      ]
      bytes.replaceSubrange(start..<end, with: Array((numbers.randomElement(using: &random) ?? "").utf8))
    case .repeatSlice:
      let end = min(headerEnd, place + Int.random(in: 1...64, using: &random))
      bytes.insert(contentsOf: bytes[place..<end], at: end)
    }
    return bytes
  }
}
