import Foundation
import TouchstoneModel

/// A change of the text before it is split.
///
/// Bytes that belong to no well-formed character pass unchanged through all of them.
indirect enum Normalizer: Sendable {
  /// The normalisation forms of Unicode Standard Annex 15.
  enum Form: String, Sendable {
    case nfc = "NFC"
    case nfd = "NFD"
    case nfkc = "NFKC"
    case nfkd = "NFKD"
  }

  case form(Form)
  /// Each character by itself: a final Σ becomes σ.
  case lowercase
  /// White space at the ends is dropped.
  case strip(left: Bool, right: Bool)
  /// Marks are dropped.
  case stripAccents
  case replace(Pattern, with: [UInt8])
  /// Stands before a text that is not empty.
  case prepend([UInt8])
  /// Every byte is written as its character in the byte alphabet.
  case byteAlphabet
  /// Control characters are dropped, and white space becomes spaces.
  case cleanText
  /// Spaces stand around the characters of Chinese.
  case spacedChinese
  /// Marks that take no room are dropped.
  case stripNonspacingMarks
  /// Characters become what a map says.
  case mapped(CharacterMap)
  case sequence([Normalizer])

  /// The changed text.
  func applied(to text: ArraySlice<UInt8>) throws(BadInput) -> ArraySlice<UInt8> {
    switch self {
    case .form(let form):
      // ASCII is its own form in all four.
      guard text.contains(where: { $0 >= 0x80 }) else { return text }
      return Self.mappingText(text) { Array($0.normalized(form).utf8) }
    case .lowercase:
      return Self.mappingScalars(text) { Array($0.properties.lowercaseMapping.utf8) }
    case .strip(let left, let right): return Self.stripped(text, left: left, right: right)
    case .stripAccents:
      return Self.mappingScalars(text) { scalar in
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: []
        default: Array(String(scalar).utf8)
        }
      }
    case .cleanText:
      return Self.mappingScalars(text) { scalar in
        if scalar.value == 0xFFFD || scalar.isControlOfBERT { return [] }
        return scalar.properties.isWhitespace ? [UInt8(ascii: " ")] : Array(String(scalar).utf8)
      }
    case .mapped(let map): return Self.mappingText(text, map.applied(to:))
    case .spacedChinese:
      return Self.mappingScalars(text) { Array(($0.isChinese ? " \($0) " : String($0)).utf8) }
    case .stripNonspacingMarks:
      return Self.mappingScalars(text) {
        $0.properties.generalCategory == .nonspacingMark && $0.isOfUnicode8 ? [] : Array(String($0).utf8)
      }
    case .replace(let pattern, let replacement):
      return try pattern.replacing(in: text, with: replacement)[...]
    case .prepend(let prefix): return text.isEmpty ? text : (prefix + text)[...]
    case .byteAlphabet: return ByteAlphabet.spelling(of: text)[...]
    case .sequence(let normalizers):
      var text = text
      for normalizer in normalizers { text = try normalizer.applied(to: text) }
      return text
    }
  }

  private static func stripped(_ text: ArraySlice<UInt8>, left: Bool, right: Bool) -> ArraySlice<UInt8> {
    var text = text
    while left, let first = UTF8Scalar(text), first.isWhiteSpace { text = text.dropFirst(first.length) }
    while right, let last = UTF8Scalar.last(of: text), last.isWhiteSpace { text = text.dropLast(last.length) }
    return text
  }

  private static func mappingScalars(
    _ text: ArraySlice<UInt8>, _ map: (Unicode.Scalar) -> [UInt8]
  ) -> ArraySlice<UInt8> {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var rest = text
    while let byte = rest.first {
      let decoded = UTF8Scalar(rest)
      result += decoded.flatMap { Unicode.Scalar($0.value) }.map(map) ?? [byte]
      rest = rest.dropFirst(decoded?.length ?? 1)
    }
    return result[...]
  }

  /// Maps each longest stretch of well-formed characters as a whole.
  private static func mappingText(
    _ text: ArraySlice<UInt8>, _ map: (String) -> [UInt8]
  ) -> ArraySlice<UInt8> {
    if let whole = String(validating: text, as: UTF8.self) { return map(whole)[...] }
    var result: [UInt8] = []
    var start = text.startIndex
    var end = start
    while end < text.endIndex {
      if let scalar = UTF8Scalar(text[end...]) {
        end += scalar.length
      } else {
        result += map(String(decoding: text[start..<end], as: UTF8.self))
        result.append(text[end])
        end += 1
        start = end
      }
    }
    return (result + map(String(decoding: text[start...], as: UTF8.self)))[...]
  }
}

extension Unicode.Scalar {
  /// Whether it is as old as the tables of the tokenizers library, which know no later ones.
  fileprivate var isOfUnicode8: Bool { properties.age.map { $0.major <= 8 } ?? false }

  /// Characters of the categories C, but for those that stand for white space.
  fileprivate var isControlOfBERT: Bool {
    switch properties.generalCategory {
    case .control: value != 0x09 && value != 0x0A && value != 0x0D
    case .format: isOfUnicode8
    case .privateUse: true
    default: false
    }
  }

  /// The blocks that BERT's normaliser takes for Chinese.
  fileprivate var isChinese: Bool {
    switch value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
      0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}

extension String {
  fileprivate func normalized(_ form: Normalizer.Form) -> String {
    switch form {
    case .nfc: precomposedStringWithCanonicalMapping
    case .nfd: decomposedStringWithCanonicalMapping
    // Foundation's own composes no voiced halfwidth kana (U+FF76 U+FF9E): NFKC is NFC of NFKD (UAX 15).
    case .nfkc: decomposedStringWithCompatibilityMapping.precomposedStringWithCanonicalMapping
    case .nfkd: decomposedStringWithCompatibilityMapping
    }
  }
}
