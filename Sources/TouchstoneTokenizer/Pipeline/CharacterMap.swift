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
    guard let data = Data(base64Encoded: text) else {
      throw json.refusal("holds no character map in base 64")
    }
    self = try json.located { () throws(BadInput) in try CharacterMap([UInt8](data)[...]) }
  }

  /// Reads the array, with its length in front, and the texts behind it.
  init(_ bytes: ArraySlice<UInt8>) throws(BadInput) {
    func word(at place: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[bytes.startIndex + place + $1]) << (8 * UInt32($1)) }
    }
    let size = bytes.count < 4 ? 0 : Int(word(at: 0))
    guard size.isMultiple(of: 4), size > 0, 4 + size <= bytes.count else {
      throw BadInput(
        problem: "holds a character map that is cut off", remedy: "write the tokenizer again")
    }
    units = (0..<size / 4).map { word(at: 4 + 4 * $0) }
    texts = Array(bytes.dropFirst(4 + size))
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
        result += mapped(bytes) ?? bytes[...]
      }
    }
    return result
  }

  /// What the longest beginning that the map knows becomes, and how many bytes it has; nil where it knows none.
  func longest(of text: ArraySlice<UInt8>) -> (count: Int, becomes: ArraySlice<UInt8>)? {
    var found: (count: Int, place: Int)?
    follow(text) { count, place in
      found = (count, place)
      return true
    }
    return found.flatMap { found in self.text(at: found.place).map { (found.count, $0) } }
  }

  /// What the shortest beginning that the map knows becomes; nil where it knows none.
  private func mapped(_ bytes: [UInt8]) -> ArraySlice<UInt8>? {
    var found: Int?
    follow(bytes.lazy.filter { $0 != 0 }) { _, place in
      found = place
      return false
    }
    return found.flatMap(text(at:))
  }

  /// Follows the trie along bytes, and names each leaf: the bytes before it, and where its text begins.
  private func follow(_ bytes: some Sequence<UInt8>, _ goesOn: (Int, Int) -> Bool) {
    guard var unit = units.first else { return }
    var node = offset(of: unit)
    for (index, byte) in bytes.enumerated() {
      node ^= Int(byte)
      guard units.indices.contains(node) else { return }
      unit = units[node]
      // A label has its sign bit clear.
      guard unit & 0x8000_00FF == UInt32(byte) else { return }
      node ^= offset(of: unit)
      guard units.indices.contains(node) else { return }
      if unit >> 8 & 1 == 1, !goesOn(index + 1, Int(units[node] & 0x7FFF_FFFF)) { return }
    }
  }

  private func text(at start: Int) -> ArraySlice<UInt8>? {
    texts.indices.contains(start) ? texts[start...].prefix { $0 != 0 } : nil
  }

  private func offset(of unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 1 << 9) >> 6) }
}
