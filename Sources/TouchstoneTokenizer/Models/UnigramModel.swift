import Foundation
import TouchstoneModel

/// Unigram (Kudo 2018, §3.2, as T5 and Marian have it): of all ways to spell a word by tokens, the one whose scores add up to
/// the most.
struct UnigramModel: TokenModel {
  let spellings: [Int: [UInt8]]
  private let ids: [[UInt8]: Int]
  private let scores: [Double]
  private let unknownToken: Int?
  /// What a character without a token costs: the least of all scores, and 10 less.
  private let unknownScore: Double
  /// The tokens `<0x00>` to `<0xFF>`, by which unknown characters are spelt; empty where they are not.
  private let byteTokens: [Int?]
  /// The bytes of the longest token.
  private let greatestTokenLength: Int

  /// Reads the model of `tokenizer.json`.
  init(_ json: Component) throws(BadInput) {
    var spellings: [Int: [UInt8]] = [:]
    var ids: [[UInt8]: Int] = [:]
    var scores: [Double] = []
    for entry in try json.needed("vocab").elements {
      let pair = try entry.elements
      guard pair.count == 2 else { throw entry.refusal("is no pair of a token and a score") }
      let spelling = Array(try pair[0].string.utf8)
      spellings[scores.count] = spelling
      // Of two that are spelt alike the later is found.
      ids[spelling] = scores.count
      guard let score = pair[1].value.double else { throw pair[1].refusal("is no number") }
      scores.append(score)
    }
    guard !scores.isEmpty else { throw json.refusal("has no vocabulary") }
    unknownToken = try json.member("unk_id").map { json throws(BadInput) in try json.integer }
    if let unknownToken, !scores.indices.contains(unknownToken) {
      throw json.refusal("has the unknown token \(unknownToken), which the vocabulary lacks")
    }
    unknownScore = (scores.min() ?? 0) - 10
    let fallsBack = try json.bool("byte_fallback", else: false)
    byteTokens =
      fallsBack ? (UInt8.min...UInt8.max).map { ids[Array(ByteFallback.spelling(of: $0).utf8)] } : []
    greatestTokenLength = ids.keys.map(\.count).max() ?? 0
    self.spellings = spellings
    self.ids = ids
    self.scores = scores
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
    var best = [Step](repeating: Step(), count: bytes.count + 1)
    best[0].score = 0
    var start = 0
    while start < bytes.count {
      let length = UTF8Scalar(bytes[start...])?.length ?? 1
      let score = best[start].score
      var hasSingle = false
      for end in start + 1...max(start + 1, min(bytes.count, start + greatestTokenLength)) {
        guard let token = ids[Array(bytes[start..<end])] else { continue }
        if end == start + length { hasSingle = true }
        if score + scores[token] > best[end].score {
          best[end] = Step(start: start, token: token, score: score + scores[token])
        }
      }
      let end = start + length
      if !hasSingle, score + unknownScore > best[end].score {
        best[end] = Step(start: start, token: nil, score: score + unknownScore)
      }
      start = end
    }
    return try tokens(along: best, of: bytes)
  }

  /// The tokens of the best way, unknown characters in a row as one.
  private func tokens(along best: [Step], of bytes: [UInt8]) throws(BadInput) -> [Int] {
    var parts: [(range: Range<Int>, token: Int?)] = []
    var end = bytes.count
    while end > 0 {
      let step = best[end]
      if step.token == nil, let last = parts.last, last.token == nil {
        parts[parts.count - 1].range = step.start..<last.range.upperBound
      } else {
        parts.append((step.start..<end, step.token))
      }
      end = step.start
    }
    var tokens: [Int] = []
    for (range, token) in parts.reversed() {
      if let token {
        tokens.append(token)
      } else if let spelt = spelt(bytes[range]) {
        tokens += spelt
      } else if let unknownToken {
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
