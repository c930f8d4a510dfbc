import Foundation
import TouchstoneModel

/// A map of characters to what they are normalised to, as SentencePiece compiles it: a trie in one array, and the texts that
/// its leaves point to.
///
/// The array is that of Darts-clone (Yata et al. 2007): units of 32 bits, each with a label, an offset to its children, and
/// whether it has a value.
struct CharacterMap: Sendable {
  private let units: [UInt32]
  /// Texts, each ended by a byte 0.
  private let texts: [UInt8]

  /// Reads what `precompiled_charsmap` holds, in base 64.
  init(_ json: Component) throws(BadInput) {
    let text = try json.string("precompiled_charsmap")
    guard let data = Data(base64Encoded: text), data.count >= 4 else {
      throw json.refusal("holds no character map in base 64")
    }
    let bytes = [UInt8](data)
    func word(at place: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << (8 * UInt32($1)) }
    }
    let size = Int(word(at: 0))
    guard size.isMultiple(of: 4), size > 0, 4 + size <= bytes.count else {
      throw json.refusal("holds a character map that is cut off")
    }
    units = (0..<size / 4).map { word(at: 4 + 4 * $0) }
    texts = Array(bytes[(4 + size)...])
  }

  /// A text with each character, or each cluster of a few bytes, mapped.
  func applied(to text: String) -> [UInt8] {
    var result: [UInt8] = []
    for cluster in text {
      let bytes = Array(String(cluster).utf8)
      if bytes.count < 6, let mapped = mapped(bytes) {
        result += mapped
        continue
      }
      for scalar in cluster.unicodeScalars {
        let bytes = Array(String(scalar).utf8)
        result += mapped(bytes) ?? bytes
      }
    }
    return result
  }

  /// What the shortest beginning that the map knows becomes; nil where it knows none.
  private func mapped(_ bytes: [UInt8]) -> [UInt8]? {
    guard var unit = units.first else { return nil }
    var node = offset(of: unit)
    for byte in bytes where byte != 0 {
      node ^= Int(byte)
      guard units.indices.contains(node) else { return nil }
      unit = units[node]
      // A label has its sign bit clear.
      guard unit & 0x8000_00FF == UInt32(byte) else { return nil }
      node ^= offset(of: unit)
      guard units.indices.contains(node) else { return nil }
      if unit >> 8 & 1 == 1 {
        let start = Int(units[node] & 0x7FFF_FFFF)
        guard texts.indices.contains(start) else { return nil }
        return Array(texts[start...].prefix { $0 != 0 })
      }
    }
    return nil
  }

  private func offset(of unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 1 << 9) >> 6) }
}
