/// Tokens on their way to text, one at a time, through every step of a decoder.
struct DecodingRun {
  private var stages: [DecodingStage] = []

  /// - Parameters:
  ///   - replacesIllFormed: whether byte tokens that spell no text become U+FFFD, or stay bytes.
  ///   - isInside: whether the tokens stand inside a text whose beginning is not shown.
  init(_ decoders: [Decoder], replacesIllFormed: Bool, isInside: Bool = false) {
    var isFused = false
    for decoder in decoders {
      stages.append(
        DecodingStage(decoder, replacesIllFormed: replacesIllFormed, isInside: isInside, isFused: isFused))
      switch decoder {
      case .fuse, .byteLevel: isFused = true
      default: break
      }
    }
  }

  /// The bytes that are certain once a token is known.
  mutating func feed(_ token: DecodingFragment) -> [UInt8] {
    pass([token], from: 0)
  }

  /// The bytes that are left at the end.
  mutating func finish() -> [UInt8] {
    var bytes: [UInt8] = []
    for index in stages.indices {
      let last = stages[index].finish()
      bytes += pass(last, from: index + 1)
    }
    return bytes
  }

  private mutating func pass(_ fragments: [DecodingFragment], from first: Int) -> [UInt8] {
    var fragments = fragments
    for index in stages.indices.dropFirst(first) {
      var passed: [DecodingFragment] = []
      for fragment in fragments { passed += stages[index].feed(fragment) }
      fragments = passed
    }
    return fragments.flatMap(\.bytes)
  }
}
