import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

extension PlantedNumber {
  /// Queries that see other keys, told by key and query, at probabilities and, where these are hidden, at the context.
  private static func seeing(
    _ says: String, in family: String = "llama", hidden: Bool = false,
    _ sees: @escaping @Sendable (Int, Int) -> Bool
  ) -> PlantedNumber {
    let names = ["attn_scores", "attn_probs"]
    return PlantedNumber(
      hidden ? "mask.seen-values" : "mask.seen-keys", says, in: family,
      at: hidden ? "layers/000/attn_context" : "layers/000/attn_probs", hiding: hidden ? names : []
    ) { site in
      let tokens = site.inputs.count
      let table = (0..<tokens * tokens).map { sees($0 % tokens, $0 / tokens) }
      return site.seeing(SeenKeys(tokens: tokens, tables: [table]))
    }
  }

  /// Whether a key is seen by no rule.
  private static let atRandom: @Sendable (Int, Int) -> Bool = {
    $0 <= $1 && ($0 == $1 || ($0 * 7 + $1 * 5) % 3 != 0)
  }

  static let masks: [PlantedNumber] = [
    .seeing("queries see the last 7 keys only") { $0 <= $1 && $1 - $0 < 7 },
    .seeing("every query sees every key") { _, _ in true },
    .seeing("queries see all earlier keys instead of the last 5", in: "gemma3_text") { $0 <= $1 },
    .seeing("queries see the last 3 keys only instead of the last 5", in: "gemma3_text") {
      $0 <= $1 && $1 - $0 < 3
    },
    .seeing("queries from 5 on do not see key 2") { $0 <= $1 && !($1 >= 5 && $0 == 2) },
    .seeing("queries from 4 on do not see the keys before, 0 to 3") { $0 <= $1 && !($1 >= 4 && $0 < 4) },
    .seeing("query 7 does not see keys 1, 2, 5") { $0 <= $1 && !($1 == 7 && [1, 2, 5].contains($0)) },
    .seeing("queries from 4 on see keys 0 to r−4 only") { $0 <= $1 - 4 || $1 < 4 && $0 <= $1 },
    .seeing("query r of each chunk of 3 sees keys 0 to r only") { $0 <= $1 % 3 },
    .seeing("later chunks, which begin at 3, 7, is aligned to the top left") {
      $0 <= ($1 < 3 ? $1 : $1 < 7 ? $1 - 3 : $1 - 7)
    },
    .seeing("within tiles of 4") { $0 / 4 <= $1 / 4 },
    .seeing("only keys of their own block of 4") { $0 <= $1 && $0 / 4 == $1 / 4 },
    .seeing("the first 6 tokens see each other") { $0 <= $1 || $0 < 6 && $1 < 6 },
    .seeing("every second key only") { $0 <= $1 && ($1 - $0) % 2 == 0 },
    .seeing("the first 2 keys and the last 4 only") { $0 <= $1 && ($0 < 2 || $1 - $0 < 4) },
    .seeing("queries see the last 3 keys and every 4th before: 0, 4, …") {
      $0 <= $1 && ($1 - $0 < 3 || $0 % 4 == 0)
    },
    .seeing("no query but the first sees its own key") { $0 < max($1, 1) },
    .seeing("each query also sees the next 2 keys") { $0 <= $1 + 2 },
    .seeing("query 3 sees keys 1 to 3 instead of 0 to 3; query 4 sees", atRandom),
    PlantedNumber(
      "mask.seen-keys", "in heads 1, 3: queries see the last 4 keys only", in: "llama",
      at: "layers/001/attn_probs"
    ) { site in
      let tokens = site.inputs.count
      let tables = (0..<4).map { head in
        (0..<tokens * tokens).map { offset in
          let (key, query) = (offset % tokens, offset / tokens)
          return key <= query && (head % 2 == 0 || query - key < 4)
        }
      }
      return site.seeing(SeenKeys(tokens: tokens, tables: tables))
    },
    .seeing("queries see the last 5 keys only", hidden: true) { $0 <= $1 && $1 - $0 < 5 },
    .seeing("queries see the last 5 keys only", in: "mpt", hidden: true) { $0 <= $1 && $1 - $0 < 5 },
    .seeing("every query sees every key", hidden: true) { _, _ in true },
    .seeing("queries from 6 on do not see key 3", hidden: true) { $0 <= $1 && !($1 >= 6 && $0 == 3) },
    .seeing("queries from 4 on see keys 0 to r−4 only", hidden: true) { $0 <= $1 - 4 || $1 < 4 && $0 <= $1 },
    .seeing("within tiles of 4", hidden: true) { $0 / 4 <= $1 / 4 },
    .seeing("the first 6 tokens see each other", hidden: true) { $0 <= $1 || $0 < 6 && $1 < 6 },
    .seeing("query 3 sees keys 1 to 3 instead of 0 to 3; query 4 sees", hidden: true, atRandom),
    PlantedNumber(
      "mask.seen-scores", "queries see the last 6 keys only", in: "llama", at: "layers/000/attn_scores"
    ) { site in
      site.edited { s in
        for offset in s.values.indices where offset / 11 % 11 - offset % 11 >= 6 {
          s.values[offset] = -.infinity
        }
      }
    },
    PlantedNumber(
      "mask.seen-scores", "do not see key 1: their scores are -10000", in: "llama",
      at: "layers/000/attn_scores"
    ) { site in
      site.edited { s in
        for offset in s.values.indices where offset % 11 == 1 && offset / 11 % 11 > 4 {
          s.values[offset] = -10_000
        }
      }
    },
  ]
}
