import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

extension PlantedNumber {
  /// Masks, rows, heads and tiles of attention.
  static let ofAttention = masks + rowsAndHeads + tiles + dropouts

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

  private static let masks: [PlantedNumber] = [
    .seeing("queries see the last 7 keys only") { $0 <= $1 && $1 - $0 < 7 },
    .seeing("every query sees every key") { _, _ in true },
    .seeing("queries see all earlier keys instead of the last 5", in: "gemma3_text") { $0 <= $1 },
    .seeing("queries see the last 3 keys only instead of the last 5", in: "gemma3_text") {
      $0 <= $1 && $1 - $0 < 3
    },
    .seeing("queries from 5 on do not see key 2") { $0 <= $1 && !($1 >= 5 && $0 == 2) },
    .seeing("queries from 4 on do not see keys 0 to 3") { $0 <= $1 && !($1 >= 4 && $0 < 4) },
    .seeing("query 7 does not see keys 1, 2, 5") { $0 <= $1 && !($1 == 7 && [1, 2, 5].contains($0)) },
    .seeing("queries from 4 on see keys 0 to r−4 only") { $0 <= $1 - 4 || $1 < 4 && $0 <= $1 },
    .seeing("later chunks, which begin at 3, 6, 9, is aligned to the top left") { $0 <= $1 % 3 },
    .seeing("within tiles of 4") { $0 / 4 <= $1 / 4 },
    .seeing("only keys of their own stretch of 4") { $0 <= $1 && $0 / 4 == $1 / 4 },
    .seeing("the first 6 tokens see each other") { $0 <= $1 || $0 < 6 && $1 < 6 },
    .seeing("every second key only") { $0 <= $1 && ($1 - $0) % 2 == 0 },
    .seeing("the first 2 keys and the last 4 only") { $0 <= $1 && ($0 < 2 || $1 - $0 < 4) },
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

  private static let rowsAndHeads: [PlantedNumber] = [
    PlantedNumber(
      "attention.other-layout", "column c belongs to head c mod 4), in queries", in: "llama",
      at: "layers/000/attn_scores"
    ) { site in
      site.evaluated(changing: 0) {
        $0 = Misreading(written: .byToken, read: AxisOrder(axes: [1, 2, 0])).applied(to: $0)
      }
    },
    PlantedNumber(
      "attention.other-joining", "[head, token, unit] is read as [token, head, unit]", in: "llama",
      at: "layers/000/attn_context"
    ) { site in
      // [H, T, d] in memory, taken for [T, H·d].
      let (heads, tokens, y) = (4, site.inputs.count, site.evaluated())
      let buffer = (0..<heads).flatMap { head in
        (0..<tokens).flatMap { y.row($0)[($0 * 24 + head * 6)...].prefix(6) }
      }
      return Tensor(buffer, shape: [tokens, 24])
    },
    PlantedNumber(
      "attention.other-heads", "head 1 reads the keys of head 1 instead of 0", in: "llama",
      at: "layers/000/attn_scores"
    ) { site in
      let other = site.withHeads(of: 1) { 1 - $0 + 0 * $1 }
      return other.map { other in
        site.edited { s in
          for offset in 121..<242 { s.values[offset] = other.values[offset] }
        }
      }
    },
    PlantedNumber(
      "attention.other-heads", "heads 0 and 2 are exchanged", in: "llama", at: "layers/000/attn_context"
    ) { site in
      let y = site.evaluated()
      return site.edited { made in
        for row in 0..<y.rowCount {
          for column in 0..<6 {
            (made[row, column], made[row, 12 + column]) = (y[row, 12 + column], y[row, column])
          }
        }
      }
    },
    PlantedNumber(
      "attention.other-keys", "keys 2, 3 are those of keys 6, 7", in: "llama", at: "layers/000/attn_scores"
    ) { site in
      site.evaluated(changing: 1) { k in
        for head in 0..<2 {
          for column in 0..<12 { k.values[head * 66 + 12 + column] = k.values[head * 66 + 36 + column] }
        }
      }
    },
    // Enough queries see it to solve for it.
    PlantedNumber("attention.other-keys", "key 1 is another", in: "llama", at: "layers/000/attn_scores") {
      site in
      site.evaluated(changing: 1) { k in
        for head in 0..<2 {
          for column in 0..<6 { k[head, 1, column] = 0.3 * Double(column - head) + 0.1 }
        }
      }
    },
    PlantedNumber("attention.other-keys", "key 5 is minus itself", in: "llama", at: "layers/000/attn_scores")
    { site in
      site.evaluated(changing: 1) { k in
        for head in 0..<2 {
          for column in 0..<6 { k[head, 5, column].negate() }
        }
      }
    },
    PlantedNumber(
      "attention.other-queries", "query 7 is that of query 2", in: "mpt", at: "layers/001/attn_scores"
    ) { site in
      site.evaluated(changing: 0) { q in
        for head in 0..<6 {
          for column in 0..<4 { q[head, 7, column] = q[head, 2, column] }
        }
      }
    },
    PlantedNumber(
      "attention.other-values", "values 3 to 5 are those of values 7 to 9", in: "llama",
      at: "layers/000/attn_context"
    ) { site in
      site.evaluated(changing: 1) { v in
        for head in 0..<2 {
          for column in 0..<18 { v.values[head * 66 + 18 + column] = v.values[head * 66 + 42 + column] }
        }
      }
    },
  ]

  /// Softmax by tiles of three keys, with a mistake from a tile on.
  private static func tiled(
    _ says: String, _ mistake: TiledSoftmax.Mistake, first: Int = 1, hidden: Bool
  ) -> PlantedNumber {
    PlantedNumber(
      "softmax.by-tiles", says, in: "llama", at: hidden ? "layers/000/attn_context" : "layers/000/attn_probs",
      hiding: hidden ? ["attn_scores", "attn_probs"] : []
    ) { site in
      let weighing = hidden ? site.maker(of: 0) : site
      guard let scores = weighing?.activations[0] else { return nil }
      let tokens = site.inputs.count
      let tiles = TiledSoftmax(mistake: mistake, size: 3, first: first)
      let weights = (0..<scores.rowCount).flatMap { row in
        tiles.weights(scores.row(row)) { $0 <= row % tokens }
      }
      let made = Tensor(weights, shape: scores.shape)
      return hidden ? site.rawContext { _, head, row, key in made[head, row, key] } : made
    }
  }

  private static let tiles: [PlantedNumber] = [
    .tiled("tiles of 3 keys: the running sum is not rescaled", .sumNotRescaled, hidden: false),
    .tiled("tiles of 3 keys: what was summed of values is not rescaled", .valuesNotRescaled, hidden: true),
    .tiled(
      "of 3 keys from key 6 on, or of 6 keys: the running sum is not rescaled", .sumNotRescaled, first: 2,
      hidden: true),
    .tiled(
      "tiles of 3 keys: exponentials of a tile are taken with the maximum before", .maximumOfTileIgnored,
      hidden: true),
    .tiled("normalised by itself, and their mean is taken", .meanOfTiles, hidden: true),
    .tiled("normalised by itself, and they are added", .sumOfTiles, hidden: false),
    .tiled("not divided by the running sum", .notDivided, hidden: true),
  ]

  /// Whether an element is left out, about one in five.
  private static func isLost(_ offset: Int) -> Bool { (offset &* 2_654_435_761) >> 7 % 5 == 0 }

  private static let dropouts: [PlantedNumber] = [
    PlantedNumber(
      "dropout", "0 or 1.25 times what is due: dropout of 0.2", in: "llama", at: "layers/000/mlp_out"
    ) { site in
      site.edited { y in
        for offset in y.values.indices { y.values[offset] *= isLost(offset) ? 0 : 1.25 }
      }
    },
    PlantedNumber(
      "dropout.on-branch", "layers/000/attn_out is added 0 or 1.25 times: dropout of 0.2", in: "llama",
      at: "layers/000/resid_mid"
    ) { site in
      site.evaluated(changing: 1) { branch in
        for offset in branch.values.indices { branch.values[offset] *= isLost(offset) ? 0 : 1.25 }
      }
    },
  ]
}
