import Foundation
import TouchstoneModel

/// Unigram (Kudo 2018, §3.2, as T5 and Marian have it): of all ways to spell a word by tokens, the one whose scores add up to
/// the most.
struct UnigramModel: TokenModel {
  /// A token; its id is its place.
  struct Entry {
    let spelling: [UInt8]
    /// nil for a token that spells no text.
    let score: Double?
  }

  /// What happens with characters that have no token, and how scores are added.
  struct Options: Sendable {
    var unknownToken: Int?
    /// What a character without a token costs.
    var unknownScore: Double
    /// Whether unknown characters are spelt by the tokens `<0x00>` to `<0xFF>`.
    var fallsBackToBytes: Bool
    /// Whether the sum for each place is rounded to float32, as SentencePiece's own is.
    var roundsToFloat = false
  }

  /// A stretch of a word, and its token; nil where it has none.
  typealias Part = (range: Range<Int>, token: Int?)

  let spellings: [Int: [UInt8]]
  private let options: Options
  private let ids: [[UInt8]: Int]
  /// Those of the tokens that spell text.
  private let spelling: [[UInt8]: Int]
  private let scores: [Double]
  /// The tokens `<0x00>` to `<0xFF>`, by which unknown characters are spelt; empty where they are not.
  private let byteTokens: [Int?]
  /// The bytes of the longest token.
  private let greatestTokenLength: Int

  /// - Parameter entries: by id; of two that are spelt alike the later is found.
  init(_ entries: [Entry], options: Options) {
    self.options = options
    var ids: [[UInt8]: Int] = [:]
    ids.reserveCapacity(entries.count)
    for (id, entry) in entries.enumerated() { ids[entry.spelling] = id }
    self.ids = ids
    spellings = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($0, $1.spelling) })
    spelling =
      entries.contains { $0.score == nil } ? ids.filter { entries[$0.value].score != nil } : ids
    scores = entries.map { $0.score ?? 0 }
    byteTokens =
      options.fallsBackToBytes
      ? (UInt8.min...UInt8.max).map { ids[Array(ByteFallback.spelling(of: $0).utf8)] } : []
    greatestTokenLength = spelling.keys.map(\.count).max() ?? 0
  }

  /// Reads the model of `tokenizer.json`.
  init(_ json: Component) throws(BadInput) {
    var entries: [Entry] = []
    var least: Double?
    for entry in try json.needed("vocab").elements {
      let pair = try entry.elements
      guard pair.count == 2 else { throw entry.refusal("is no pair of a token and a score") }
      guard let score = pair[1].value.double else { throw pair[1].refusal("is no number") }
      entries.append(Entry(spelling: Array(try pair[0].string.utf8), score: score))
      least = min(least ?? score, score)
    }
    guard let least else { throw json.refusal("has no vocabulary") }
    let unknownToken = try json.member("unk_id").map { json throws(BadInput) in try json.integer }
    if let unknownToken, !entries.indices.contains(unknownToken) {
      throw json.refusal("has the unknown token \(unknownToken), which the vocabulary lacks")
    }
    self.init(
      entries,
      options: Options(
        unknownToken: unknownToken, unknownScore: least - 10,
        fallsBackToBytes: try json.bool("byte_fallback", else: false)))
  }

  func id(of spelling: [UInt8]) -> Int? { ids[spelling] }

  /// The best way to the end of a character.
  private struct Step {
    var start = 0
    /// The token of the last step; nil for a character without one.
    var token: Int?
    var score = -Double.infinity
  }

  func ids(of word: ArraySlice<UInt8>) throws(BadInput) -> [Int] {
    let bytes = Array(word)
    var tokens: [Int] = []
    for (range, token) in parts(of: bytes) {
      // What is unknown may still be spelt like a token: like the unknown token itself.
      if let token = token ?? ids[Array(bytes[range])] {
        tokens.append(token)
      } else if let spelt = spelt(bytes[range]) {
        tokens += spelt
      } else if let unknownToken = options.unknownToken {
        tokens.append(unknownToken)
      } else {
        throw BadInput(
          problem:
            "the text holds \(quoted(Array(bytes[range]))), for which the tokenizer's vocabulary has no token",
          remedy: "leave that character out")
      }
    }
    return tokens
  }

  /// The best way to spell a word, unknown characters in a row as one.
  func parts(of bytes: [UInt8]) -> [Part] {
    var best = [Step](repeating: Step(), count: bytes.count + 1)
    best[0].score = 0
    func propose(_ step: Step, to end: Int) {
      guard step.score > best[end].score else { return }
      best[end] = step
      if options.roundsToFloat { best[end].score = Double(Float(step.score)) }
    }
    var start = 0
    while start < bytes.count {
      let length = UTF8Scalar(bytes[start...])?.length ?? 1
      let score = best[start].score
      var hasSingle = false
      for end in start + 1...max(start + 1, min(bytes.count, start + greatestTokenLength)) {
        guard let token = spelling[Array(bytes[start..<end])] else { continue }
        if end == start + length { hasSingle = true }
        propose(Step(start: start, token: token, score: score + scores[token]), to: end)
      }
      if !hasSingle {
        propose(Step(start: start, token: nil, score: unknownScore(after: score)), to: start + length)
      }
      start += length
    }
    return parts(along: best)
  }

  private func unknownScore(after score: Double) -> Double {
    let sum = score + options.unknownScore
    return options.roundsToFloat ? Double(Float(sum)) : sum
  }

  private func parts(along best: [Step]) -> [Part] {
    var parts: [Part] = []
    var end = best.count - 1
    while end > 0 {
      let step = best[end]
      // A text that spells the unknown token is as unknown as what has none.
      let token = step.token == options.unknownToken ? nil : step.token
      if token == nil, let last = parts.last, last.token == nil {
        parts[parts.count - 1].range = step.start..<last.range.upperBound
      } else {
        parts.append((step.start..<end, token))
      }
      end = step.start
    }
    return parts.reversed()
  }

  /// Bytes by the tokens that stand for one each; nil where there are none.
  private func spelt(_ bytes: ArraySlice<UInt8>) -> [Int]? {
    guard !byteTokens.isEmpty else { return nil }
    var tokens: [Int] = []
    for byte in bytes {
      guard let token = byteTokens[Int(byte)] else { return nil }
      tokens.append(token)
    }
    return tokens
  }
}
